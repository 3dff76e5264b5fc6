import {
  type Disk,
  hasOurPartitions,
  isEncrypted,
  keyFits,
  keySlots,
  readDisks,
  readMark,
} from '../../disk/index.ts';
import type { Secret } from '../../errors/index.ts';
import { folderOf, type Host, writeAtomic } from '../../host/index.ts';
import { passphraseForInstall } from '../tpm/index.ts';

const onlyRoot = 0o600;

/**
 * Leaves the passphrase of this machine in memory for an install, in a live system that the production boot file started.
 * Not where a machine is installed with it: who brings a live system would have its disk open. That is undefined, or the disk.
 */
export async function leavePassphrase(host: Host, passphrase: Secret): Promise<string | undefined> {
  for (const disk of await readDisks(host)) if (await isInstalled(host, disk, passphrase)) return disk.name;
  await host.files.makeFolder(folderOf(passphraseForInstall), { parents: true });
  await writeAtomic(host, passphraseForInstall, passphrase.reveal(), { mode: onlyRoot });
  return undefined;
}

/** An install that was stopped has left no machine yet, and needs the passphrase to go on. */
async function isInstalled(host: Host, { name, table, nodes }: Disk, passphrase: Secret): Promise<boolean> {
  if (table === undefined || !hasOurPartitions(table)) return false;
  if ((await readMark(host, `/dev/${name}`)) !== undefined) return false;
  for (const node of nodes.values())
    if ((await isEncrypted(host, node)) && (await keyFits(host, node, keySlots.tpm, passphrase))) return true;
  return false;
}
