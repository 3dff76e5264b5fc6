import { isMosError } from '../errors/index.ts';
import type { FileStat } from '../host/index.ts';
import { readTextIfThere } from '../host/index.ts';
import { type Descriptor, digestHex } from '../oci/index.ts';
import { isIntact } from './blobs.ts';
import { blobPath, hashedPath, type LayoutFolder } from './folder.ts';

/**
 * What we have hashed. A blob that is already there may come from a program that was stopped in the middle, or from a
 * stranger, so its file is trusted only if it is still the one whose bytes passed our hash: a note below .mos/hashed
 * says size, inode and time of change of it. Without a fitting note the blob is hashed again.
 */
const noteOf = (stat: FileStat): string => `${stat.size} ${stat.inode} ${stat.ctimeMs}\n`;

const notePath = (at: LayoutFolder, descriptor: Descriptor): string =>
  `${hashedPath(at)}/${digestHex(descriptor.digest)}`;

/** True where the blob is there, complete, and hashed by us, now if it wasn't before. */
export async function hasHashed(at: LayoutFolder, descriptor: Descriptor): Promise<boolean> {
  const stat = await at.host.files.stat(blobPath(at, descriptor.digest));
  if (stat?.type !== 'file' || stat.size !== descriptor.size) return false;
  if ((await readTextIfThere(at.host, notePath(at, descriptor))) === noteOf(stat)) return true;
  if (!(await isIntact(at, descriptor))) return false;
  await noteHashed(at, descriptor);
  return true;
}

/** Notes that the blob as it is now has passed the hash. Not synced and not vital: a lost note costs one hashing. */
export async function noteHashed(at: LayoutFolder, descriptor: Descriptor): Promise<void> {
  const { files } = at.host;
  const stat = await files.stat(blobPath(at, descriptor.digest));
  if (stat === undefined) return;
  const path = notePath(at, descriptor);
  try {
    await files.remove(path);
    await using file = await files.create(path);
    await file.write(new TextEncoder().encode(noteOf(stat)));
  } catch (error) {
    // A layout that can't be written is hashed each time.
    if (!isMosError(error)) throw error;
  }
}
