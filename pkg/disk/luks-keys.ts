import type { Secret } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { cryptsetup, type KeySlot, keySlots, wrongParameters, wrongPassphrase } from './luks.ts';

/** True where this key is the one in the slot. */
export async function keyFits(
  host: Host,
  device: string,
  { number }: KeySlot,
  key: Secret,
): Promise<boolean> {
  const how = ['--type', 'luks2', '--test-passphrase', '--key-slot', number, '--key-file', '-'];
  const accept = [wrongParameters, wrongPassphrase];
  return (await cryptsetup(host, ['open', ...how, device], { input: key.reveal(), accept })).exitCode === 0;
}

/**
 * Puts a key into a slot of a partition, in place of the one that is there. `other` is the key in the other slot, and
 * fits: whatever happens in between, that one still opens it.
 */
export async function replaceKey(
  host: Host,
  device: string,
  slot: KeySlot,
  key: Secret,
  other: Secret,
): Promise<void> {
  if (await hasSlot(host, device, slot)) await cryptsetup(host, ['luksKillSlot', device, slot.number]);
  const [first, second] = [other.reveal(), key.reveal()];
  // Both are read from stdin, each to its length.
  const known = ['--key-file', '-', '--keyfile-size', String(first.length)];
  const added = ['--new-key-slot', slot.number, '--new-keyfile-size', String(second.length)];
  await cryptsetup(host, ['luksAddKey', ...known, ...added, ...slot.derivation, device, '-'], {
    input: first + second,
  });
}

async function hasSlot(host: Host, device: string, { number }: KeySlot): Promise<boolean> {
  const { stdout } = await host.processes.query(['cryptsetup', 'luksDump', '--dump-json-metadata', device]);
  const { keyslots } = JSON.parse(Buffer.from(stdout).toString()) as { keyslots: Record<string, unknown> };
  return Object.hasOwn(keyslots, number);
}

/** A key for a person, beside the TPM's passphrase that opens the partition. */
export const giveRecoveryKey = (
  host: Host,
  device: string,
  passphrase: Secret,
  recovery: Secret,
): Promise<void> => replaceKey(host, device, keySlots.recovery, recovery, passphrase);
