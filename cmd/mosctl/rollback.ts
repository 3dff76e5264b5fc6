import { plan, root } from '../cli/common.ts';
import { renderRolledBack } from '../render/history.ts';
import { ca } from './incoming.ts';
import { bodyOf, remoteCommand } from './remote.ts';

export const rollback = remoteCommand(
  {
    name: 'rollback',
    summary: 'Go back to the content of an earlier generation, as a new one',
    description:
      'Without --to: to the last generation before that proved good. Below the floor of the machine nothing can be rolled back to, until a ticket of its publisher lowers it: mosctl ticket accept.',
    options: {
      to: { kind: 'integer', value: 'N', help: 'the generation' },
      reason: { kind: 'text', value: 'TEXT', help: 'why; kept in the history' },
      root,
      ca,
      plan,
    },
    async run({ host, options, report }) {
      const use = await import('../../pkg/system/index.ts');
      return use.rollback(host, options, report);
    },
    render: renderRolledBack,
  },
  ({ options: { to, reason, plan: planOnly } }) => ({
    method: 'POST',
    path: '/v1/rollback',
    body: bodyOf({ to, reason, plan: planOnly }),
  }),
);
