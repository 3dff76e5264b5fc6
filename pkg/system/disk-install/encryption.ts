import {
  closeEncrypted,
  type DiskTarget,
  isEncrypted,
  keyFits,
  keySlots,
  makeEncrypted,
  makeFileSystem,
  openEncrypted,
  type PartitionRole,
  partitionNodes,
  requireEncryption,
} from '../../disk/index.ts';
import { isMosError, MosError, Secret } from '../../errors/index.ts';
import { type DmDevice, type Host, readTextIfThere } from '../../host/index.ts';
import type { Undo } from '../../undo/index.ts';
import { isProvisioned, passphraseForInstall } from '../tpm/index.ts';
import type { Nodes } from './context.ts';

/** The firmware reads the ESP: it is never encrypted. */
export const encryptedRoles = ['machine-config', 'machine-store', 'machine-scratch'] as const;

/**
 * The passphrase that the TPM will give at each boot, as `provision` left it in memory; undefined where the partitions are to be plain. Refuses what could not boot afterwards, or would be open unasked.
 */
export async function chooseProtection(
  host: Host,
  disk: string,
  unencrypted: boolean | undefined,
): Promise<Secret | undefined> {
  const refuse = (code: 'state' | 'unsupported', why: string, hint: string) =>
    new MosError(code, `cannot install on ${disk}: ${why}`, { hint });
  const provisioned = await isProvisioned(host);
  if (unencrypted && provisioned)
    throw refuse(
      'state',
      'this machine is provisioned, and would not boot from partitions that are not encrypted',
      'leave out --unencrypted',
    );
  if (unencrypted) return undefined;
  if (!provisioned)
    throw refuse(
      'unsupported',
      'its partitions would not be encrypted: no TPM of this machine was provisioned',
      '`mosctl provision` does that; where there is no TPM, --unencrypted says so: whoever has the disk can read it, and write to it',
    );
  const passphrase = await readPassphrase(host);
  if (passphrase === undefined)
    throw refuse(
      'state',
      'the passphrase for its partitions is not in memory',
      '`mosctl provision` leaves it there for the rest of its boot: clear the TPM in the firmware and do that anew; or, with its admin password and without clearing, `mosctl provision --again`',
    );
  await requireEncryption(host);
  return passphrase;
}

/** Of this machine, as long as it is in memory for an install. */
export async function readPassphrase(host: Host): Promise<Secret | undefined> {
  const text = await readTextIfThere(host, passphraseForInstall);
  return text === undefined ? undefined : new Secret(text);
}

export type RoleNode = { readonly role: string; readonly node: string };

/** The partitions of a machine's disk that are encrypted where any is; those that the kernel shows. */
export async function listPartitions(
  host: Host,
  { name, ours }: Pick<DiskTarget, 'name' | 'ours'>,
): Promise<RoleNode[]> {
  const nodes = await partitionNodes(host, name);
  return encryptedRoles.flatMap((role) => {
    const number = ours?.partitions.find((one) => one.name === role)?.number;
    const node = number === undefined ? undefined : nodes.get(number);
    return node === undefined ? [] : [{ role, node }];
  });
}

/**
 * True where the partitions of an install that was stopped are protected as this one is to be. Where they are not, as after
 * the TPM got another passphrase, nothing on them is anybody's, and they are made anew.
 */
export async function areProtectedSo(
  host: Host,
  disk: DiskTarget,
  passphrase: Secret | undefined,
): Promise<boolean> {
  const partitions = await listPartitions(host, disk);
  for (const { node } of partitions) {
    if ((await isEncrypted(host, node)) !== (passphrase !== undefined)) return false;
    if (passphrase && !(await keyFits(host, node, keySlots.tpm, passphrase))) return false;
  }
  return partitions.length === encryptedRoles.length;
}

/** Names of the unlocked partitions, in /dev/mapper, while an install runs. */
const unlocked = (role: string): string => `mos-install-${role}`;

/** Empty file systems; what was on the partitions is lost. */
export async function makeFileSystems(
  host: Host,
  nodes: Nodes,
  passphrase: Secret | undefined,
): Promise<void> {
  await makeFileSystem(host, nodes.esp, 'esp');
  for (const role of encryptedRoles) {
    if (passphrase === undefined) await makeFileSystem(host, nodes[role], role);
    else await makeUnlocked(host, nodes[role], role, passphrase);
  }
}

async function makeUnlocked(host: Host, node: string, role: PartitionRole, passphrase: Secret) {
  await makeEncrypted(host, node, role, passphrase);
  await makeFileSystem(host, await openEncrypted(host, node, unlocked(role), passphrase), role);
  await closeEncrypted(host, unlocked(role));
}

/** The devices to mount, unlocked until the undo. */
export async function openPartitions(
  host: Host,
  nodes: Nodes,
  passphrase: Secret | undefined,
  undo: Undo,
): Promise<Nodes> {
  if (passphrase === undefined) return nodes;
  const opened: Record<PartitionRole, string> = { ...nodes };
  for (const role of encryptedRoles) {
    opened[role] = await openEncrypted(host, nodes[role], unlocked(role), passphrase);
    undo.add(() => closeEncrypted(host, unlocked(role)));
  }
  return opened;
}

/** What an install that was killed has left unlocked. */
export async function closeLeftovers(host: Host): Promise<void> {
  const names = (await listMapped(host)).map(({ name }) => name);
  for (const role of encryptedRoles)
    if (names.includes(unlocked(role))) await closeEncrypted(host, unlocked(role));
}

async function listMapped(host: Host): Promise<readonly DmDevice[]> {
  try {
    return await host.devices.dmList();
  } catch (error) {
    if (isMosError(error, 'unsupported')) return []; // no device-mapper, nothing unlocked
    throw error;
  }
}
