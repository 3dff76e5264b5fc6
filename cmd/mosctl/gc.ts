import { root } from '../cli/common.ts';
import { renderCollected } from '../render/scrub.ts';
import { ca } from './incoming.ts';
import { bodyOf, remoteCommand } from './remote.ts';

export const gc = remoteCommand(
  {
    name: 'gc',
    summary: 'Remove images that no kept generation and no mount uses',
    description:
      'Kept are the running generation, the one that waits for the next boot, the last good one, pinned ones and the newest ones.',
    options: {
      dryRun: { kind: 'flag', help: 'show what would go, and remove nothing' },
      keep: { kind: 'integer', value: 'N', help: 'how many of the newest generations are kept [3]' },
      root,
      ca,
    },
    async run({ host, options, report }) {
      const use = await import('../../pkg/system/index.ts');
      return use.gc(host, options, report);
    },
    render: renderCollected,
  },
  ({ options: { dryRun, keep } }) => ({ method: 'POST', path: '/v1/gc', body: bodyOf({ dryRun, keep }) }),
);
