import { MosError } from '../../pkg/errors/index.ts';
import { root } from '../cli/common.ts';
import { renderVerified } from '../render/scrub.ts';
import { ca } from './incoming.ts';
import { remoteCommand } from './remote.ts';

export const verify = remoteCommand(
  {
    name: 'verify',
    summary: 'Read and check everything: state, manifests, store, mounts',
    options: { root, ca },
    async run({ host, options, report, signal }) {
      const use = await import('../../pkg/system/index.ts');
      return use.verify(host, { ...options, signal }, report);
    },
    render: renderVerified,
    failure: ({ problems }) =>
      problems.length === 0
        ? undefined
        : new MosError(
            'corrupt',
            `cannot call the machine sound: ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`,
            {
              hint: 'mosctl update with the same manifest fetches damaged and lost images again',
            },
          ),
  },
  () => ({ method: 'POST', path: '/v1/verify' }),
);
