import { Secret } from '../../pkg/errors/index.ts';
import { command } from '../cli/command.ts';

export const recover = command({
  name: 'recover',
  summary: 'Give the disk of a machine whose TPM is lost to the TPM of this one',
  description:
    'Reads the recovery key, which the install has shown, from stdin. The passphrase of this machine, which mosctl provision left in memory, takes the place of that of the lost TPM on config, store and scratch; what is on them stays, and the next boot unlocks them by itself. Every partition is tried before one is changed. Running it again after it was interrupted ends it.',
  arguments: {
    disk: { kind: 'text', value: 'DISK', help: 'the disk: /dev/vda, or a link in /dev/disk/by-id' },
  },
  examples: ['mosctl recover /dev/vda <recovery-key'],
  async run({ host, args, readStdin }) {
    const use = await import('../../pkg/system/index.ts');
    return use.recover(host, { ...args, key: new Secret(await readStdin()) });
  },
  render: ({ disk, partitions }) =>
    partitions.every(({ given }) => !given)
      ? `this machine opens ${disk} already`
      : `the TPM of this machine opens ${disk} from now on: ${partitions.map(({ role }) => role).join(', ')}`,
});
