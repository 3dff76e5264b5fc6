import { isMosError } from '../errors/index.ts';
import { temporaryPath, type WritableFile } from '../host/index.ts';
import { type ContentStore, checkBody, type Descriptor } from '../oci/index.ts';
import { lentSize } from './blobs.ts';
import { blobPath, type LayoutFolder, partialsPath } from './folder.ts';
import { hasHashed, noteHashed } from './hashed.ts';
import { claimPartial, partialPath } from './partial.ts';

/** Gives the bytes from `start` on. */
export type Opener = Parameters<NonNullable<ContentStore['putFrom']>>[1];

/**
 * Writes a blob so that its name appears only when all its bytes were hashed and synced; true where it had to be
 * written. With `resume` it goes on where an interrupted put ended; should that be wrong, it begins again.
 */
export async function putBlob(
  at: LayoutFolder,
  descriptor: Descriptor,
  open: Opener,
  { resume }: { readonly resume: boolean },
): Promise<boolean> {
  const isThere = () => hasHashed(at, descriptor);
  if (await isThere()) return false;
  {
    await using file = await claimPartial(at, descriptor, { resume, isThere });
    if (file === undefined) return false;
    const start = file.size;
    // A server answers a request for nothing with an error.
    const rest = start === descriptor.size && start > 0 ? [] : open(start, { lent: true });
    const outcome = await finish(at, file, descriptor, rest).catch((error: unknown) => ({ error }));
    if (outcome === undefined) return true;
    await dropUseless(at, descriptor, outcome.error);
    if (start === 0 || !isMosError(outcome.error, 'corrupt')) throw outcome.error;
  }
  return putBlob(at, descriptor, open, { resume: false });
}

/** Wrong bytes are of no use to the next run, and on a full disk the room is needed more. */
async function dropUseless(at: LayoutFolder, descriptor: Descriptor, error: unknown): Promise<void> {
  if (!isMosError(error, 'corrupt') && !isMosError(error, 'no-space')) return;
  await at.host.files.remove(partialPath(at, descriptor)).catch(() => {});
}

async function finish(
  at: LayoutFolder,
  file: WritableFile,
  descriptor: Descriptor,
  rest: AsyncIterable<Uint8Array> | readonly Uint8Array[],
): Promise<void> {
  const { files } = at.host;
  const partial = partialPath(at, descriptor);
  const check = checkBody(descriptor);
  const already = files.stream(partial, { end: file.size, noFollow: true, reuse: lentSize });
  for await (const chunk of already) check.add(chunk);
  let writing = Promise.resolve();
  try {
    for await (const chunk of rest) {
      await writing;
      writing = file.write(chunk);
      writing.catch(() => {});
      // Hashing and the next chunk's way through the network run while this one is written.
      check.add(chunk);
    }
  } finally {
    await writing.catch(() => {});
  }
  await writing;
  check.end();
  await file.sync();
  await moveToPlace(at, partial, descriptor);
  await noteHashed(at, descriptor);
}

/** rename(2) replaces all but a folder, which is no blob, whoever made it. */
async function moveToPlace(at: LayoutFolder, from: string, { digest }: Descriptor): Promise<void> {
  const { files } = at.host;
  const path = blobPath(at, digest);
  if ((await files.stat(path))?.type === 'directory') await files.removeTree(path);
  await files.rename(from, path);
}

/** Shares a blob that another layout on the same file system has by a hard link, as zot does; false where it can't be. */
export async function linkBlob(
  at: LayoutFolder,
  from: LayoutFolder,
  descriptor: Descriptor,
): Promise<boolean> {
  const { files } = at.host;
  if (await hasHashed(at, descriptor)) return true;
  if (!(await hasHashed(from, descriptor))) return false;
  const temporary = temporaryPath(`${partialsPath(at)}/link`);
  try {
    await files.link(blobPath(from, descriptor.digest), temporary);
  } catch (error) {
    // Another file system, one without links, or too many of them: the bytes are copied then.
    if (isMosError(error)) return false;
    throw error;
  }
  await moveToPlace(at, temporary, descriptor);
  await noteHashed(at, descriptor);
  await noteHashed(from, descriptor);
  return true;
}
