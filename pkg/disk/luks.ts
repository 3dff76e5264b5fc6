import { MosError, type Secret } from '../errors/index.ts';
import type { Host } from '../host/index.ts';

/** LUKS2 On-Disk Format 1.1, 2.1: at the start of the device. */
const magic = Buffer.from('LUKS\xba\xbe', 'latin1');
const openDeadline = 120_000;

export async function isEncrypted(host: Host, device: string): Promise<boolean> {
  const front = new Uint8Array(magic.length);
  await using file = await host.files.open(device);
  await file.read(front, 0);
  return magic.equals(front);
}

/** Opens a LUKS2 device as `/dev/mapper/<name>`, with no udev around. The passphrase goes over stdin. */
export async function openEncrypted(
  host: Host,
  device: string,
  name: string,
  passphrase: Secret,
): Promise<string> {
  const argv = [
    'cryptsetup',
    'open',
    '--batch-mode',
    '--type',
    'luks2',
    '--key-file',
    '-',
    device,
    name,
  ] as const;
  const wrong = 2;
  const { exitCode } = await host.processes.run(argv, {
    input: passphrase.reveal(),
    env: { DM_DISABLE_UDEV: '1' },
    timeout: openDeadline,
    accept: [wrong],
  });
  if (exitCode === 0) return `/dev/mapper/${name}`;
  throw new MosError('denied', `cannot unlock ${device}: the passphrase does not fit`, {
    hint: 'it belongs to another machine, or was installed with another passphrase: the recovery key opens it',
  });
}
