import layout from '../../layouts/disks/machine.json' with { type: 'json' };
import { command } from '../cli/command.ts';
import { renderDiskInstall, reveal } from '../render/disk-install.ts';
import { renderInstalled } from '../render/installed.ts';
import { incomingArguments, incomingOptions, toIncoming } from './incoming.ts';

export const install = command({
  name: 'install',
  summary: 'Install a machine from a signed manifest',
  description:
    'Fetches the manifest with its certificates and signatures, verifies it against the manifest CA, imports the images of all targets and writes the first generation. Running it again after it was interrupted completes it. With --disk, from a live system: partitions and file systems on that disk, then the same, and a boot entry; nothing is written before the manifest is verified, and nothing without --yes. On a provisioned machine config, store and scratch are encrypted: the TPM gives their passphrase to the boot files of the vendor, and a recovery key, made now and shown this once, opens them without it (mosctl recover).',
  arguments: incomingArguments,
  options: {
    ...incomingOptions,
    disk: {
      kind: 'text',
      value: 'DISK',
      help: 'install on this disk: /dev/vda, or a link in /dev/disk/by-id',
    },
    layout: {
      kind: 'path',
      value: 'FILE',
      help: 'partitions: a list of {"role", "mebibytes"}, as in layouts/disks [machine.json]',
    },
    yes: { kind: 'flag', help: 'make partitions on the disk, as --plan shows' },
    unencrypted: {
      kind: 'flag',
      help: 'partitions that whoever has the disk can read and write: a machine without a TPM',
    },
    recoveryFile: {
      kind: 'path',
      value: 'FILE',
      help: 'write the recovery key of encrypted partitions there, and show it nowhere',
    },
    overwrite: { kind: 'flag', help: 'also a disk that has something on it, which is lost' },
    removable: { kind: 'flag', help: 'also a disk that can be taken out' },
  },
  examples: [
    'mosctl install --root /mnt/disk registry.example.com/machine/web:1.0.0',
    'mosctl install --disk /dev/vda --yes registry.example.com/machine/web:1.0.0',
    'mosctl install --disk /dev/vda --unencrypted --plan registry.example.com/machine/web:1.0.0',
  ],
  async run({ host, args, options, report, signal, builtAt }) {
    const use = await import('../../pkg/system/index.ts');
    const { disk, layout: file, yes, unencrypted, recoveryFile, overwrite, removable, ...rest } = options;
    const incoming = toIncoming(rest, args.ref, signal, builtAt);
    if (disk === undefined) return use.install(host, incoming, report);
    const { root: _, ...onDisk } = incoming;
    const wishes = await use.readLayout(host, file, JSON.stringify(layout));
    const asked = { disk, layout: wishes, yes, unencrypted, recoveryFile, overwrite, removable };
    return reveal(await use.installOnDisk(host, { ...onDisk, ...asked }, report), recoveryFile);
  },
  render: (result) => ('installed' in result ? renderDiskInstall(result) : renderInstalled(result)),
});
