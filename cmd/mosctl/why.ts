import { root } from '../cli/common.ts';
import { renderWhy } from '../render/why.ts';
import { ca } from './incoming.ts';
import { remoteCommand } from './remote.ts';

export const why = remoteCommand(
  {
    name: 'why',
    summary: 'Explain how the machine came to run what it runs',
    arguments: { target: { kind: 'text', value: 'TARGET', optional: true, help: 'only this one' } },
    options: { root, ca },
    async run({ host, args, options }) {
      const use = await import('../../pkg/system/index.ts');
      return use.why(host, { ...options, target: args.target });
    },
    render: renderWhy,
  },
  ({ args: { target } }) => ({ method: 'GET', path: '/v1/why', query: { target } }),
);
