import { constants, promises as fs } from 'node:fs';
import { MosError } from '../../errors/index.ts';
import { parseMountInfo } from '../mountinfo.ts';
import { translated } from './errors.ts';

/** Files of one folder that are removed at the same time. */
const atOnce = 32;
const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

export const removeTree = (path: string): Promise<void> =>
  translated('remove', path, async () => {
    const top = await fs.lstat(path).catch(ignoreMissing);
    if (top === undefined) return;
    if (!top.isDirectory()) return fs.unlink(path).catch(ignoreMissing);
    await refuseMounts(path);
    await removeFolder(Buffer.from(path), top.dev, path);
  });

/** Where something is mounted at or below the path, nothing is removed: bind mounts have no other device number. */
async function refuseMounts(path: string): Promise<void> {
  const real = await fs.realpath(path);
  const mounts = parseMountInfo(await fs.readFile('/proc/self/mountinfo', 'utf8'));
  const inside = mounts.find(({ target }) => target === real || target.startsWith(`${real}/`));
  if (inside !== undefined) throw mounted(path, inside.target);
}

const mounted = (path: string, target: string): MosError =>
  new MosError('busy', `cannot remove ${path}: something is mounted at ${target}`, {
    hint: `unmount it first: umount ${target}`,
  });

/**
 * Through the open folder, so that nobody can put a link in its place meanwhile, and with names as bytes, which need not
 * be UTF-8. A folder on another device was mounted after the look at the table.
 */
async function removeFolder(path: Buffer, device: number, shown: string): Promise<void> {
  const folder = await fs.open(path, folderFlags).catch(ignoreMissing);
  if (folder === undefined) return;
  try {
    if ((await folder.stat()).dev !== device) throw mounted(shown, path.toString());
    await empty(`/proc/self/fd/${folder.fd}/`, device, shown);
  } finally {
    await folder.close();
  }
  await fs.rmdir(path).catch(ignoreMissing);
}

async function empty(at: string, device: number, shown: string): Promise<void> {
  const names = await fs.readdir(at, { encoding: 'buffer' });
  const paths = names.map((name) => Buffer.concat([Buffer.from(at), name]));
  const folders: Buffer[] = [];
  for (let done = 0; done < paths.length; done += atOnce)
    await Promise.all(
      paths.slice(done, done + atOnce).map(async (path) => {
        if (!(await removeFile(path))) folders.push(path);
      }),
    );
  for (const path of folders) await removeFolder(path, device, shown);
}

/** False for a folder: Bun tells no types of entries whose names are bytes, the kernel tells when it is asked to unlink. */
async function removeFile(path: Buffer): Promise<boolean> {
  try {
    await fs.unlink(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EISDIR') return false;
    if (code !== 'ENOENT') throw error;
  }
  return true;
}

export const ignoreMissing = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== 'ENOENT') throw error;
};
