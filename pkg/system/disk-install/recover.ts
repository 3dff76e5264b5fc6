import {
  isEncrypted,
  keyFits,
  keySlots,
  parseRecoveryKey,
  readDiskTarget,
  replaceKey,
  requireEncryption,
} from '../../disk/index.ts';
import { MosError, type Secret } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { encryptedRoles, listPartitions, type RoleNode, readPassphrase } from './encryption.ts';

export type RecoverOptions = {
  /** As a person names it. */
  readonly disk: string;
  /** As a person typed it. */
  readonly key: Secret;
};

export type RecoverResult = {
  readonly disk: string;
  /** `given` is false for one that this machine could open before. */
  readonly partitions: readonly { readonly role: string; readonly given: boolean }[];
};

/**
 * Gives the disk of an installed machine to the TPM of this one: its passphrase, which `provision` left in memory, takes
 * the place of that of the TPM that is lost. All keys are tried before one is replaced; running it again ends it.
 */
export async function recover(host: Host, { disk, key }: RecoverOptions): Promise<RecoverResult> {
  const recovery = parseRecoveryKey(key.reveal());
  const passphrase = await readPassphrase(host);
  if (passphrase === undefined)
    throw new MosError(
      'state',
      `cannot recover ${disk}: this machine has no passphrase for disks in memory`,
      {
        hint: '`mosctl provision` leaves one for the rest of its boot; a machine that is provisioned says --again to it',
      },
    );
  await requireEncryption(host);
  const { node, partitions } = await partitionsOf(host, disk);
  const wanting: RoleNode[] = [];
  for (const one of partitions) {
    if (await keyFits(host, one.node, keySlots.tpm, passphrase)) continue;
    if (!(await keyFits(host, one.node, keySlots.recovery, recovery)))
      throw new MosError(
        'denied',
        `cannot recover ${one.role} (${one.node}): the recovery key does not fit`,
        {
          hint: 'it is of another machine, or a later install of this one has replaced it',
        },
      );
    wanting.push(one);
  }
  for (const one of wanting) await replaceKey(host, one.node, keySlots.tpm, passphrase, recovery);
  return {
    disk: node,
    partitions: partitions.map((one) => ({ role: one.role, given: wanting.includes(one) })),
  };
}

async function partitionsOf(host: Host, disk: string) {
  const target = await readDiskTarget(host, disk);
  const partitions = await listPartitions(host, target);
  for (const role of encryptedRoles) {
    const found = partitions.find((one) => one.role === role);
    if (found === undefined || !(await isEncrypted(host, found.node)))
      throw new MosError('state', `cannot recover ${target.node}: it has no encrypted ${role}`, {
        hint: 'name the disk of an installed machine',
      });
  }
  return { node: target.node, partitions };
}
