import { constants, promises as fs, lstatSync, readdirSync, readSync } from 'node:fs';
import type { FileStat, Files, LockOptions, OpenOptions, ReadableFile } from '../files.ts';
import { extendedAttribute, makeMutable } from './attributes.ts';
import { pathBelow, statBelow } from './beneath.ts';
import { changes } from './changes.ts';
import { copyTree } from './copying.ts';
import { translated } from './errors.ts';
import { toFileStat } from './file-stat.ts';
import { holdFile, lockFile } from './lock.ts';
import { openForReading, readSmall, readWhole, smallSize } from './reading.ts';
import { ignoreMissing, removeTree } from './removal.ts';
import { openedForWriting } from './writing.ts';

const pieceSize = 1024 * 1024;

export const linuxFiles: Files = {
  read: (path) => translated('read', path, async () => readWhole(path)),
  open: (path, options) =>
    translated('open', path, async () => openedForReading(path, await openForReading('open', path, options))),
  stream,
  stat,
  list: (path) => translated('list', path, async () => readdirSync(path).sort()),
  readLink: (path) => translated('read the link', path, () => fs.readlink(path)),
  realPath: (path) => translated('resolve', path, () => fs.realpath(path)),
  pathBelow,
  statBelow,
  extendedAttribute,
  space: (path) =>
    translated('measure the space at', path, async () => {
      const s = await fs.statfs(path);
      const block = s.bsize;
      return { free: s.bavail * block, total: s.blocks * block, freeInodes: s.ffree, block };
    }),
  changes,

  makeFolder: (path, { mode = 0o755, parents = false } = {}) =>
    translated(
      'make the folder',
      path,
      async () => void (await fs.mkdir(path, { mode, recursive: parents })),
    ),
  create: (path, { mode = 0o644, hold = false, early = false } = {}) =>
    translated('create', path, async () => {
      const file = await fs.open(path, 'wx', mode);
      if (hold) await holdFile(file, path);
      return openedForWriting(path, file, 0, early);
    }),
  resume: (path, size, { hold = false, early = false } = {}) =>
    translated('open', path, async () => {
      const file = await fs.open(path, constants.O_WRONLY | constants.O_NOFOLLOW);
      if (hold) await holdFile(file, path);
      await file.truncate(size);
      return openedForWriting(path, file, size, early);
    }),
  writeAt: (path, position, bytes) =>
    translated('write', path, async () => {
      const file = await fs.open(path, constants.O_WRONLY | constants.O_NOFOLLOW);
      try {
        for (let done = 0; done < bytes.length; )
          done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
        await file.sync();
      } finally {
        await file.close();
      }
    }),
  rename: (from, to) => translated('rename', `${from} to ${to}`, () => fs.rename(from, to)),
  link: (from, to) => translated('link', `${from} to ${to}`, () => fs.link(from, to)),
  symlink: (target, path) => translated('make the link', path, () => fs.symlink(target, path)),
  remove: (path) => translated('remove', path, () => fs.unlink(path).catch(ignoreMissing)),
  removeFolder: (path) => translated('remove the folder', path, () => fs.rmdir(path)),
  removeTree,
  copyTree,
  keepEnd: (path, keep) =>
    translated('shorten', path, async () => {
      const file = await fs.open(path, constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW);
      try {
        const { size } = await file.stat();
        const end = Buffer.alloc(Math.min(keep, size));
        const { bytesRead } = await file.read(end, 0, end.length, size - end.length);
        await file.truncate(0);
        await file.writeFile(end.subarray(0, bytesRead));
      } finally {
        await file.close();
      }
    }),
  setMode: (path, mode) => translated('set the mode of', path, () => fs.chmod(path, mode)),
  setOwner: (path, uid, gid) => translated('set the owner of', path, () => fs.lchown(path, uid, gid)),
  makeMutable,
  syncFolder: (path) =>
    translated('sync', path, async () => {
      const folder = await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
      await folder.sync().finally(() => folder.close());
    }),
  lock: (path: string, options: LockOptions) => lockFile(path, options),
};

async function* stream(
  path: string,
  options: OpenOptions & { start?: number; end?: number; reuse?: number } = {},
): AsyncGenerator<Uint8Array> {
  const { start = 0, end = Number.POSITIVE_INFINITY, reuse } = options;
  if (end <= start) return;
  const small =
    reuse === undefined
      ? await translated('open', path, async () => readSmall('open', path, options))
      : undefined;
  if (small !== undefined) {
    if (start < small.length) yield small.subarray(start, end);
    return;
  }
  const { file, size } = await translated('open', path, () => openForReading('open', path, options));
  const most = reuse ?? pieceFor(size);
  // One is read ahead, one is given, and the one before that may still be in use.
  const buffers = reuse === undefined ? [] : [0, 1, 2].map(() => Buffer.allocUnsafeSlow(reuse));
  const read = async (position: number): Promise<Buffer> => {
    const length = Math.min(most, end - position);
    const piece = buffers.shift() ?? Buffer.allocUnsafeSlow(length);
    if (reuse !== undefined) buffers.push(piece);
    const { bytesRead } = await translated('read', path, () => file.read(piece, 0, length, position));
    return piece.subarray(0, bytesRead);
  };
  // One piece ahead: the next one is read while somebody hashes or sends this one.
  let ahead = read(start);
  try {
    for (let position = start; ; ) {
      const piece = await ahead;
      if (piece.length === 0) return;
      position += piece.length;
      if (position < end) {
        ahead = read(position);
        ahead.catch(() => {});
      }
      yield piece;
      if (position >= end) return;
    }
  } finally {
    await ahead.catch(() => {});
    await file.close();
  }
}

/** No more than the file has: the collector counts memory, used or not. Devices and /proc say no size. */
const pieceFor = (size: number): number => (size === 0 ? pieceSize : Math.min(pieceSize, size));

async function stat(path: string): Promise<FileStat | undefined> {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    return found && toFileStat(found);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    return translated('look at', path, () => Promise.reject(error));
  }
}

function openedForReading(
  path: string,
  { file, size }: { readonly file: fs.FileHandle; readonly size: number },
): ReadableFile {
  return {
    size,
    read: (into, position) =>
      translated('read', path, async () => {
        if (into.length <= smallSize) return readSync(file.fd, into, 0, into.length, position);
        return (await file.read(into, 0, into.length, position)).bytesRead;
      }),
    [Symbol.asyncDispose]: () => file.close(),
  };
}
