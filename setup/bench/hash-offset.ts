import { closeSync, openSync, readSync } from 'node:fs';

/** Where the tree of a squashfs layer begins: behind the file system, whose size is in its superblock (bytes_used of 4.0). */
export function hashOffsetOf(layer: string): number {
  const superblock = Buffer.alloc(96);
  const file = openSync(layer, 'r');
  readSync(file, superblock, 0, superblock.length, 0);
  closeSync(file);
  return Math.ceil(Number(superblock.readBigUInt64LE(40)) / 4096) * 4096;
}
