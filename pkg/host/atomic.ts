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

/**
 * Replaces or makes a file so that after a crash there is the old or the new content: temporary file beside it,
 * fsync, rename, fsync of the folder.
 */
export async function writeAtomic(
  host: Host,
  path: string,
  content: string | Uint8Array,
  options: { readonly mode?: number } = {},
): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    await writeSynced(
      host,
      temporary,
      typeof content === 'string' ? encoder.encode(content) : content,
      options,
    );
    await host.files.rename(temporary, path);
  } catch (error) {
    await host.files.remove(temporary).catch(() => {});
    throw error;
  }
  await host.files.syncFolder(folderOf(path));
}

async function writeSynced(
  host: Host,
  path: string,
  content: Uint8Array,
  options: { readonly mode?: number },
) {
  await using file = await host.files.create(path, options);
  await file.write(content);
  await file.sync();
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
  try {
    return await readText(host, path);
  } catch (error) {
    if (isMosError(error, 'not-found')) return undefined;
    throw error;
  }
}

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
