import { root } from '../cli/common.ts';
import { renderLog } from '../render/history.ts';
import { remoteCommand } from './remote.ts';

export const log = remoteCommand(
  {
    name: 'log',
    summary: 'List the generations, newest first',
    options: { root, most: { kind: 'integer', value: 'N', short: 'n', help: 'the newest N' } },
    async run({ host, options }) {
      const use = await import('../../pkg/system/index.ts');
      return use.log(host, options);
    },
    render: renderLog,
  },
  ({ options: { most } }) => ({ method: 'GET', path: '/v1/history', query: { most } }),
);
