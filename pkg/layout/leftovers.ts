import { isMosError } from '../errors/index.ts';
import { type FileStat, listIfThere } from '../host/index.ts';
import { type Digest, isDigest } from '../oci/index.ts';
import { blobPath, type LayoutFolder, partialsPath } from './folder.ts';

/** Unfinished blobs older than this, in milliseconds, won't be gone on with: seven days. */
const staleAfter = 7 * 24 * 3_600_000;
/** More unfinished blobs than one image has layers on their way are leftovers of several attempts. */
const mostKept = 32;

export type Leftover = { readonly path: string; readonly digest?: Digest; readonly stat: FileStat };

/** Everything in the folder of partial files, newest first. */
export async function leftovers(at: LayoutFolder): Promise<Leftover[]> {
  const found: Leftover[] = [];
  for (const name of await listIfThere(at.host, partialsPath(at))) {
    const path = `${partialsPath(at)}/${name}`;
    const stat = await at.host.files.stat(path);
    const digest = `sha256:${name}`;
    if (stat !== undefined) found.push({ path, stat, ...(isDigest(digest) ? { digest } : {}) });
  }
  return found.sort((a, b) => b.stat.mtimeMs - a.stat.mtimeMs);
}

/** Removes what nobody will go on with: finished meanwhile, stale, too many, or nothing of ours. */
export async function sweepLeftovers(at: LayoutFolder): Promise<void> {
  const now = at.host.clock.now().getTime();
  for (const [index, leftover] of (await leftovers(at)).entries()) {
    const { digest, stat } = leftover;
    const isUseful =
      digest !== undefined &&
      stat.type === 'file' &&
      index < mostKept &&
      now - stat.mtimeMs < staleAfter &&
      (await at.host.files.stat(blobPath(at, digest))) === undefined;
    if (!isUseful) await removeLeftover(at, leftover);
  }
}

/** Removes one unless a living process writes it; the bytes that became free. */
export async function removeLeftover(at: LayoutFolder, { path, stat }: Leftover): Promise<number> {
  const { files } = at.host;
  if (stat.type !== 'file') {
    await files.removeTree(path);
    return 0;
  }
  try {
    await using _held = await files.resume(path, stat.size, { hold: true });
    await files.remove(path);
    return stat.size;
  } catch (error) {
    if (isMosError(error, 'busy') || isMosError(error, 'not-found')) return 0;
    throw error;
  }
}
