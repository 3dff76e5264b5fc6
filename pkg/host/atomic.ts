import { randomBytes } from 'node:crypto';
import { isMosError, MosError } from '../errors/index.ts';
import type { Host } from './host.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** The mark of a file that is not finished; `sweepTemporary` removes what a crash left. */
export const temporaryMark = '.mos-tmp-';

export const folderOf = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf('/')));

/** A name beside `path` on the same file system that nobody else uses. */
export const temporaryPath = (path: string): string =>
  `${folderOf(path)}/${temporaryMark}${randomBytes(8).toString('hex')}`;

type WriteMode = { readonly mode?: number };

/**
 * Replaces or makes a file so that after a crash there is the old or the new content: temporary file beside it,
 * fsync, rename, fsync of the folder.
 */
export async function writeAtomic(
  host: Host,
  path: string,
  content: string | Uint8Array,
  options: WriteMode = {},
): Promise<void> {
  await put(host, path, content, { ...options, isSynced: true });
  await host.files.syncFolder(folderOf(path));
}

/** The same for runtime state, which nobody asks for after a reboot: who reads it sees the old or the new content, and nobody waits for a disk. */
export const writeRuntime = (
  host: Host,
  path: string,
  content: string | Uint8Array,
  options: WriteMode = {},
): Promise<void> => put(host, path, content, { ...options, isSynced: false });

async function put(
  host: Host,
  path: string,
  content: string | Uint8Array,
  { isSynced, ...options }: WriteMode & { readonly isSynced: boolean },
): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    await using file = await host.files.create(temporary, options);
    await file.write(typeof content === 'string' ? encoder.encode(content) : content);
    if (isSynced) await file.sync();
    await host.files.rename(temporary, path);
  } catch (error) {
    await host.files.remove(temporary).catch(() => {});
    throw error;
  }
}

export async function readText(host: Host, path: string): Promise<string> {
  const bytes = await host.files.read(path);
  try {
    return decoder.decode(bytes);
  } catch {
    throw new MosError('invalid', `cannot read ${path}: it is no UTF-8 text`);
  }
}

/** The text of a file, undefined where there is none. */
export async function readTextIfThere(host: Host, path: string): Promise<string | undefined> {
  // An error costs ten times a look; an update asks for sixty files that are not there.
  if ((await host.files.stat(path)) === undefined) return undefined;
  try {
    return await readText(host, path);
  } catch (error) {
    if (isMosError(error, 'not-found')) return undefined;
    throw error;
  }
}

/** What `writeRuntime` wrote. Where the runtime folder is on a disk, a power cut may leave an empty file: that is none. */
export const readRuntime = async (host: Host, path: string): Promise<string | undefined> =>
  (await readTextIfThere(host, path)) || undefined;

/** The names in a folder, none where there is no folder. */
export async function listIfThere(host: Host, folder: string): Promise<string[]> {
  try {
    return await host.files.list(folder);
  } catch (error) {
    if (isMosError(error, 'not-found')) return [];
    throw error;
  }
}

/** Removes what an interrupted write left in a folder. Call it with the folder's lock held. */
export async function sweepTemporary(host: Host, folder: string): Promise<void> {
  for (const name of await host.files.list(folder))
    if (name.startsWith(temporaryMark)) await host.files.removeTree(`${folder}/${name}`);
}
