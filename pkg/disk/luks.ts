import { isMosError, MosError, type Secret } from '../errors/index.ts';
import type { Host, RunResult } from '../host/index.ts';

/** LUKS2 On-Disk Format 1.1, 2.1: at the start of the device. */
const magic = Buffer.from('LUKS\xba\xbe', 'latin1');
/** What cryptsetup keeps for headers and key slots; the rest of the device is what it encrypts. */
export const luksHeaderBytes = 16 * 1024 * 1024;
const deadline = 120_000;
const withoutUdev = { DM_DISABLE_UDEV: '1' };
/** cryptsetup(8), "Exit codes": wrong parameters, which most errors are, an empty slot too; and a passphrase that does not fit. */
export const wrongParameters = 1;
export const wrongPassphrase = 2;
/** A recovery that was stopped leaves one. */
const emptySlot = 'No usable keyslot is available.';

/** Where a key of a partition is kept, and how slowly it is tried. */
export const keySlots = {
  /** The TPM's passphrase is random: a slow derivation protects nothing, and costs each boot. */
  tpm: { number: '0', derivation: ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'] },
  /** Bounded, so that the smallest machine can open what a big one made. */
  recovery: {
    number: '1',
    derivation: [
      ...['--pbkdf', 'argon2id', '--pbkdf-memory', '65536'],
      ...['--pbkdf-force-iterations', '4', '--pbkdf-parallel', '1'],
    ],
  },
} as const;
export type KeySlot = (typeof keySlots)[keyof typeof keySlots];

/** `cryptsetup COMMAND …`, secrets on its stdin; an exit code of `accept` is an answer. */
export const cryptsetup = async (
  host: Host,
  command: readonly string[],
  options: { readonly input?: string; readonly accept?: readonly number[] } = {},
): Promise<RunResult> => {
  const argv = ['cryptsetup', '--batch-mode', ...command] as const;
  return host.processes.run(argv, { ...options, env: withoutUdev, timeout: deadline });
};

/** Refuses a system that could not make encrypted partitions. */
export async function requireEncryption(host: Host): Promise<void> {
  try {
    await host.processes.query(['cryptsetup', '--version']);
  } catch (cause) {
    if (!isMosError(cause, 'not-found')) throw cause;
    throw new MosError('not-found', 'cannot encrypt partitions: there is no cryptsetup', {
      hint: 'the package cryptsetup-bin has it',
    });
  }
  await host.devices.dmList(); // says so where the kernel has no device-mapper
}

export async function isEncrypted(host: Host, device: string): Promise<boolean> {
  const front = new Uint8Array(magic.length);
  await using file = await host.files.open(device);
  await file.read(front, 0);
  return magic.equals(front);
}

/** Makes LUKS2 of a partition, with the TPM's passphrase as its one key; what was on it is lost. */
export async function makeEncrypted(
  host: Host,
  device: string,
  label: string,
  passphrase: Secret,
): Promise<void> {
  const { number, derivation } = keySlots.tpm;
  const how = ['--type', 'luks2', '--label', label, '--key-slot', number, ...derivation, '--key-file', '-'];
  await cryptsetup(host, ['luksFormat', ...how, device], { input: passphrase.reveal() });
}

/** Opens a LUKS2 device by the TPM's passphrase as `/dev/mapper/<name>`, with no udev around. */
export async function openEncrypted(
  host: Host,
  device: string,
  name: string,
  passphrase: Secret,
): Promise<string> {
  const how = ['--type', 'luks2', '--key-slot', keySlots.tpm.number, '--key-file', '-'];
  const { exitCode, stderr } = await cryptsetup(host, ['open', ...how, device, name], {
    input: passphrase.reveal(),
    accept: [wrongParameters, wrongPassphrase],
  });
  if (exitCode === 0) return `/dev/mapper/${name}`;
  if (exitCode === wrongParameters && !stderr.includes(emptySlot))
    throw new MosError('io', `cannot unlock ${device}: ${stderr.replaceAll('\n', ' ')}`);
  throw new MosError('denied', `cannot unlock ${device}: the passphrase does not fit`, {
    hint: 'it belongs to another machine, or was installed with another passphrase: the recovery key opens it, `mosctl recover` gives it to this machine',
  });
}

export const closeEncrypted = async (host: Host, name: string): Promise<void> =>
  void (await cryptsetup(host, ['close', name]));
