import { randomBytes } from 'node:crypto';
import { giveRecoveryKey, recoveryKeyBytes, renderRecoveryKey } from '../../disk/index.ts';
import { MosError, type Secret } from '../../errors/index.ts';
import { folderOf, type Host, writeAtomic } from '../../host/index.ts';
import type { Nodes } from './context.ts';
import { encryptedRoles } from './encryption.ts';

const onlyOwner = 0o600;

/** One recovery key for all partitions of a machine, kept in the file before any other key goes. */
export async function makeRecoveryKey(
  host: Host,
  nodes: Nodes,
  passphrase: Secret,
  file: string | undefined,
): Promise<Secret> {
  const key = renderRecoveryKey(randomBytes(recoveryKeyBytes));
  if (file !== undefined) await writeAtomic(host, file, `${key.reveal()}\n`, { mode: onlyOwner });
  for (const role of encryptedRoles) await giveRecoveryKey(host, nodes[role], passphrase, key);
  return key;
}

/** The key of another machine is never written over; that of an install that was stopped opens nothing soon. */
export async function refuseRecoveryFile(
  host: Host,
  file: string | undefined,
  wasStopped: boolean,
): Promise<void> {
  if (file === undefined) return;
  const cannot = `cannot keep the recovery key in ${file}`;
  if ((await host.files.stat(folderOf(file)))?.type !== 'directory')
    throw new MosError('not-found', `${cannot}: its folder is not there`, { hint: 'make it, or mount it' });
  if (!wasStopped && (await host.files.stat(file)) !== undefined)
    throw new MosError('exists', `${cannot}: it is there already`, {
      hint: 'name another file: this one may be the key of another machine',
    });
}
