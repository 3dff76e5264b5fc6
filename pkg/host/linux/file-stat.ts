import type { Stats } from 'node:fs';
import type { FileStat } from '../files.ts';

const typeOf = (s: Stats): FileStat['type'] => {
  if (s.isFile()) return 'file';
  if (s.isDirectory()) return 'directory';
  if (s.isSymbolicLink()) return 'symlink';
  if (s.isBlockDevice()) return 'block';
  if (s.isCharacterDevice()) return 'character';
  return s.isFIFO() ? 'fifo' : 'socket';
};

export const toFileStat = (s: Stats): FileStat => ({
  type: typeOf(s),
  size: s.size,
  mode: s.mode & 0o7777,
  uid: s.uid,
  gid: s.gid,
  mtimeMs: s.mtimeMs,
  ctimeMs: s.ctimeMs,
  inode: s.ino,
  device: s.dev,
  deviceNumber: s.rdev,
});
