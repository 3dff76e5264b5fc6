import { isMosError, MosError } from '../errors/index.ts';
import type { WritableFile } from '../host/index.ts';
import { type Descriptor, digestHex } from '../oci/index.ts';
import { Undo } from '../undo/index.ts';
import { type LayoutFolder, lockWait, partialsPath } from './folder.ts';

/** The unfinished file of a blob, named by its digest; whoever writes it holds it, so the next run can go on with it. */
export const partialPath = (at: LayoutFolder, descriptor: Descriptor): string =>
  `${partialsPath(at)}/${digestHex(descriptor.digest)}`;

/** Bytes an interrupted put left. */
export async function partialSize(at: LayoutFolder, descriptor: Descriptor): Promise<number> {
  const stat = await at.host.files.stat(partialPath(at, descriptor));
  return stat?.type === 'file' && stat.size <= descriptor.size ? stat.size : 0;
}

const pollMilliseconds = 50;

/**
 * The partial file, held alone; cut to nothing without `resume`. While another process writes it we wait as long as it
 * grows; undefined when `isThere` says that the other one has ended well.
 */
export async function claimPartial(
  at: LayoutFolder,
  descriptor: Descriptor,
  { resume, isThere }: { readonly resume: boolean; readonly isThere: () => Promise<boolean> },
): Promise<WritableFile | undefined> {
  const { clock } = at.host;
  let seen = -1;
  let since = clock.monotonic();
  for (;;) {
    const file = await tryClaim(at, descriptor, resume);
    if (file !== undefined) return (await isStillWanted(at, descriptor, file, isThere)) ? file : undefined;
    await clock.sleep(pollMilliseconds);
    if (await isThere()) return undefined;
    const size = await partialSize(at, descriptor);
    if (size !== seen) since = clock.monotonic();
    seen = size;
    if (clock.monotonic() - since > lockWait)
      throw new MosError(
        'busy',
        `cannot put ${descriptor.digest} into ${at.folder}: another process holds it at ${size} of ${descriptor.size} bytes`,
        { hint: 'wait until it has ended and try again' },
      );
  }
}

/** False, and the file is gone, where another one finished the blob between our look and our claim. */
async function isStillWanted(
  at: LayoutFolder,
  descriptor: Descriptor,
  file: WritableFile,
  isThere: () => Promise<boolean>,
): Promise<boolean> {
  await using undo = new Undo();
  undo.add(() => file[Symbol.asyncDispose]());
  if (await isThere()) {
    await at.host.files.remove(partialPath(at, descriptor));
    return false;
  }
  undo.keep();
  return true;
}

async function tryClaim(
  at: LayoutFolder,
  descriptor: Descriptor,
  resume: boolean,
): Promise<WritableFile | undefined> {
  const { files } = at.host;
  const path = partialPath(at, descriptor);
  try {
    if ((await files.stat(path)) === undefined) return await files.create(path, { hold: true, early: true });
    return await files.resume(path, resume ? await partialSize(at, descriptor) : 0, {
      hold: true,
      early: true,
    });
  } catch (error) {
    // Another one was quicker: it made it, holds it, or has just moved it to its place.
    if (isMosError(error, 'exists') || isMosError(error, 'busy') || isMosError(error, 'not-found'))
      return undefined;
    throw error;
  }
}
