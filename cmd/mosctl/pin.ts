import { root } from '../cli/common.ts';
import { bodyOf, remoteCommand } from './remote.ts';

export const pin = remoteCommand(
  {
    name: 'pin',
    summary: 'Keep the images of a generation, whatever gc collects',
    arguments: { generation: { kind: 'integer', value: 'N', help: 'the generation' } },
    options: {
      remove: { kind: 'flag', help: 'keep it no longer' },
      reason: { kind: 'text', value: 'TEXT', help: 'why; kept in the history' },
      root,
    },
    async run({ host, args, options }) {
      const use = await import('../../pkg/system/index.ts');
      return use.pin(host, { ...options, generation: args.generation });
    },
    render: ({ generation, pinned }) => `generation ${generation} is ${pinned ? '' : 'no longer '}pinned`,
  },
  ({ args: { generation }, options: { remove, reason } }) => ({
    method: 'POST',
    path: '/v1/pins',
    body: bodyOf({ generation, remove, reason }),
  }),
);
