import { folderOf, type Host, type WritableFile } from '../host/index.ts';

// Files on FAT, which has no journal. Nothing is renamed here: Linux makes the new name, with the clusters of the file, before
// it takes the old one away, in sectors that reach the disk in any order. A power cut between them leaves two whole
// names for the same clusters, and who removes one of them frees the clusters of the other. So a file has its name from
// the start, and the caller has something else that says when it is whole.

/**
 * Makes a file anew, durable at the end; one that has the name goes before. fsync(2) of a file writes its content, then its
 * size and first cluster into the folder, then the table of clusters, and only then tells the disk to keep all that. So
 * the folder is synced first, which writes the table too: no name ever has clusters that are free.
 */
export async function putFile(
  host: Host,
  path: string,
  write: (file: WritableFile) => Promise<void>,
): Promise<void> {
  await removeFile(host, path);
  try {
    await using file = await host.files.create(path);
    await write(file);
    await host.files.syncFolder(folderOf(path));
    await file.sync();
  } catch (error) {
    await removeFile(host, path).catch(() => {}); // the first error counts
    throw error;
  }
}

/** A folder below `at` that lasts, with those above it; each has its cluster before its name. */
export async function makeFolder(host: Host, at: string, path: string): Promise<void> {
  let above = at;
  for (const name of path.split('/')) {
    const folder = `${above}/${name}`;
    if ((await host.files.stat(folder)) === undefined) {
      await host.files.makeFolder(folder);
      await host.files.syncFolder(folder);
      await host.files.syncFolder(above);
    }
    above = folder;
  }
}

/**
 * The name goes first, the clusters after it: an open file keeps them. Else a power cut can leave a name whose clusters are
 * free, and when that is removed Linux takes the file system for broken and makes it read-only.
 */
export async function removeFile(host: Host, path: string): Promise<void> {
  if ((await host.files.stat(path)) === undefined) return;
  {
    await using _held = await host.files.open(path);
    await host.files.remove(path);
    await host.files.syncFolder(folderOf(path));
  }
  await host.files.syncFolder(folderOf(path));
}

/** A file that a run made which was killed may be on no disk yet. */
export const syncFile = (host: Host, path: string): Promise<void> =>
  host.files.writeAt(path, 0, new Uint8Array(0));
