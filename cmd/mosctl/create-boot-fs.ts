import { command } from '../cli/command.ts';
import { integrity, root } from '../cli/common.ts';
import { ca } from './incoming.ts';

export const createBootFs = command({
  name: 'create-boot-fs',
  summary: 'Mount the root file system of the generation that is booted',
  description:
    'Its manifests are verified against the CA first. Changes go to memory and are gone at the next boot.',
  options: {
    readonly: { kind: 'flag', aliases: ['ro'], help: 'mount it read-only' },
    root,
    dest: { kind: 'path', value: 'DIR', default: '/sysroot', help: 'where it is put' },
    ca,
    integrity,
  },
  async run({ host, options, report }) {
    const use = await import('../../pkg/system/index.ts');
    return use.createBootFs(host, options, report);
  },
  render: ({ version, generation, dest, integrity: mode }) =>
    `hostfs ${version} of generation ${generation} is at ${dest} (${mode})`,
});
