import type { SecurityResult, StatusResult } from '../../pkg/system/index.ts';
import { root } from '../cli/common.ts';
import { renderSecurity } from '../render/security.ts';
import { renderStatus } from '../render/status.ts';
import { ca } from './incoming.ts';
import { remoteCommand } from './remote.ts';

export const status = remoteCommand(
  {
    name: 'status',
    summary: 'Show what the machine runs, and what is not as it should be',
    options: {
      security: {
        kind: 'flag',
        help: 'show how each service is confined, with a score from 0 to 100 and what makes it up',
      },
      root,
      ca,
    },
    async run({ host, options }): Promise<StatusResult | SecurityResult> {
      const use = await import('../../pkg/system/index.ts');
      return options.security ? use.security(host, options) : use.status(host, options);
    },
    render: (result) => ('services' in result ? renderSecurity(result) : renderStatus(result)),
  },
  ({ options }) => ({ method: 'GET', path: options.security ? '/v1/security' : '/v1/status' }),
);
