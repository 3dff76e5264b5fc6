import { root } from '../cli/common.ts';
import { renderStatus } from '../render/status.ts';
import { ca } from './incoming.ts';
import { remoteCommand } from './remote.ts';

export const status = remoteCommand(
  {
    name: 'status',
    summary: 'Show what the machine runs, and what is not as it should be',
    options: { root, ca },
    async run({ host, options }) {
      const use = await import('../../pkg/system/index.ts');
      return use.status(host, options);
    },
    render: renderStatus,
  },
  () => ({ method: 'GET', path: '/v1/status' }),
);
