import { root } from '../cli/common.ts';
import { renderChanges } from '../render/changes.ts';
import { ca } from './incoming.ts';
import { remoteCommand } from './remote.ts';

const generation = { kind: 'text', optional: true } as const;

export const diff = remoteCommand(
  {
    name: 'diff',
    summary: 'Show what differs between two generations',
    description:
      'Without arguments: what the next boot will change, or else what the running generation changed. With one: what that generation changed.',
    arguments: {
      a: { ...generation, value: 'A', help: 'a number, or current, next, good' },
      b: { ...generation, value: 'B', help: 'the same' },
    },
    options: { root, ca },
    async run({ host, args, options }) {
      const { diff: compare, parseWhich } = await import('../../pkg/system/index.ts');
      const [from, to] = args.b === undefined ? [undefined, args.a] : [args.a, args.b];
      const which = (text: string | undefined) => (text === undefined ? undefined : parseWhich(text));
      return compare(host, { ...options, from: which(from), to: which(to) });
    },
    render: ({ from, to, changes }) =>
      `${from === 0 ? 'nothing' : `generation ${from}`} → generation ${to}\n${renderChanges(changes)}`,
  },
  ({ args: { a, b } }) => ({
    method: 'GET',
    path: '/v1/diff',
    query: b === undefined ? { to: a } : { from: a, to: b },
  }),
);
