import { command } from '../cli/command.ts';
import { root } from '../cli/common.ts';
import { renderVolumes } from '../render/volumes.ts';
import { ca } from './incoming.ts';

export const volumeList = command({
  name: 'volume ls',
  summary: 'List the volumes of services',
  options: { root, ca },
  async run({ host, options }) {
    const use = await import('../../pkg/system/index.ts');
    return { volumes: await use.listVolumes(host, options) };
  },
  render: ({ volumes }) => renderVolumes(volumes),
});

export const volumePurge = command({
  name: 'volume purge',
  summary: 'Remove a volume and all that is in it',
  description:
    'The only way: no update and no rollback removes one. A service that still names it gets a new, empty one at its next start.',
  arguments: { label: { kind: 'text', value: 'LABEL', help: 'the volume' } },
  options: { root },
  async run({ host, args, options }) {
    const use = await import('../../pkg/system/index.ts');
    return use.purgeVolume(host, { ...options, label: args.label });
  },
  render: ({ label }) => `the volume ${label} is gone`,
});
