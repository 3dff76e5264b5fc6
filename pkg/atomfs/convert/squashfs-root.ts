import type { Host } from '../../host/index.ts';
import type { Part } from './parts.ts';
import { metadataSize, packMetadata, storedSize, unpackMetadata } from './squashfs-metadata.ts';
import { addList, countOf, headSize } from './squashfs-xattrs.ts';
import type { Attributes } from './tar/entry.ts';

/** Linux fs/squashfs/squashfs_fs.h: offsets in struct squashfs_super_block, and "no such table". */
const superblockSize = 96;
const at = {
  inodes: 4,
  fragments: 16,
  ids: 26,
  root: 32,
  bytesUsed: 40,
  idTable: 48,
  xattrTable: 56,
  inodeTable: 64,
  folderTable: 72,
  fragmentTable: 80,
  exportTable: 88,
} as const;
const noTable = 0xffff_ffff_ffff_ffffn;

/** struct squashfs_dir_inode and squashfs_ldir_inode, which has a number of a list of attributes. */
const folderType = 1;
const folderSize = 32;
const largeFolderType = 8;
const largeFolderSize = 40;

/**
 * sqfstar 4.5.1 gives the root folder the owner and the time of the run and no extended attributes, whatever its
 * options say. This puts the right ones there: the last blocks of the inode table are stored again without compression
 * (so that no compressor's version matters), the table of owners gets those that the layer uses and no others, that of
 * attributes the root's, and what lies behind moves. `ids` are the owners and groups of all other entries.
 */
export async function correctRoot(
  host: Host,
  file: string,
  root: Attributes,
  ids: ReadonlySet<number>,
): Promise<Part[]> {
  const superblock = await readRange(host, file, 0, superblockSize);
  const inodeTable = long(superblock, at.inodeTable);
  const folderTable = long(superblock, at.folderTable);
  const bytesUsed = long(superblock, at.bytesUsed);
  const reference = superblock.readBigUInt64LE(at.root);
  const rootBlock = inodeTable + Number(reference >> 16n);
  const tail = new Tail(superblock, await readRange(host, file, folderTable, bytesUsed));
  const owners = tail.setIds(ids, root);
  const inodes = unpackMetadata(await readRange(host, file, rootBlock, folderTable));
  const rootAt = Number(reference & 0xffffn);
  patchInode(inodes, rootAt, root, owners);
  const list = root.xattrs.size === 0 ? undefined : tail.addXattrs(root.xattrs);
  const blocks = packMetadata(list === undefined ? inodes : withXattrs(inodes, rootAt, list));
  tail.moveTo(rootBlock + blocks.length);
  return [superblock, { file, start: superblockSize, end: rootBlock }, blocks, tail.bytes];
}

async function readRange(host: Host, file: string, start: number, end: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of host.files.stream(file, { start, end })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const long = (bytes: Buffer, offset: number): number => Number(bytes.readBigUInt64LE(offset));

/** struct squashfs_base_inode: type, mode, uid index, gid index (16 bits each), mtime (32 bits). */
function patchInode(
  inodes: Buffer,
  offset: number,
  root: Attributes,
  owners: { uid: number; gid: number },
): void {
  const type = inodes.readUInt16LE(offset);
  if (type !== folderType && type !== largeFolderType)
    throw new Error(`the root of a squashfs has the inode type ${type}`);
  inodes.writeUInt16LE(root.mode, offset + 2);
  inodes.writeUInt16LE(owners.uid, offset + 4);
  inodes.writeUInt16LE(owners.gid, offset + 6);
  inodes.writeUInt32LE(root.mtime, offset + 8);
}

/** The same with the number of a list of attributes in the root's inode, the last one, which grows where it has no room. */
function withXattrs(inodes: Buffer, offset: number, list: number): Buffer {
  const old = inodes.subarray(offset);
  if (old.readUInt16LE(0) === largeFolderType) {
    old.writeUInt32LE(list, largeFolderSize - 4);
    return inodes;
  }
  if (old.length !== folderSize) throw new Error('the root of a squashfs is not its last inode');
  const large = Buffer.alloc(largeFolderSize);
  old.copy(large, 0, 0, 16);
  large.writeUInt16LE(largeFolderType, 0);
  large.writeUInt32LE(old.readUInt32LE(20), 16); // links
  large.writeUInt32LE(old.readUInt16LE(24), 20); // size
  large.writeUInt32LE(old.readUInt32LE(16), 24); // block of its names
  large.writeUInt32LE(old.readUInt32LE(28), 28); // inode above
  large.writeUInt16LE(old.readUInt16LE(26), 34); // offset of its names in the block
  large.writeUInt32LE(list, 36);
  return Buffer.concat([inodes.subarray(0, offset), large]);
}

/** Everything behind the inode table: folders, fragments, export table, owners, xattrs, in this order. */
class Tail {
  readonly #superblock: Buffer;
  bytes: Buffer;
  /** Where it begins in the file. */
  #start: number;

  constructor(superblock: Buffer, bytes: Buffer) {
    this.#superblock = superblock;
    this.bytes = bytes;
    this.#start = long(superblock, at.folderTable);
  }

  /** The table of owners without those that only the wrong root had; where the root's are in it. */
  setIds(used: ReadonlySet<number>, root: Attributes): { uid: number; gid: number } {
    const count = this.#superblock.readUInt16LE(at.ids);
    const indexAt = long(this.#superblock, at.idTable) - this.#start;
    const blocksAt = long(this.bytes, indexAt) - this.#start;
    const end = indexAt + this.#indexSize(count, 4);
    const packed = unpackMetadata(this.bytes.subarray(blocksAt, indexAt));
    const found = Array.from({ length: count }, (_, i) => packed.readUInt32LE(i * 4));
    // The root is written last, so what it brought stands at the end.
    while (found.length > 0 && !used.has(found.at(-1) ?? 0)) found.pop();
    for (const id of [root.uid, root.gid]) if (!found.includes(id)) found.push(id);
    this.#replaceIds(found, blocksAt, end);
    return { uid: found.indexOf(root.uid), gid: found.indexOf(root.gid) };
  }

  #replaceIds(ids: readonly number[], from: number, to: number): void {
    const words = Buffer.alloc(ids.length * 4);
    for (const [i, id] of ids.entries()) words.writeUInt32LE(id, i * 4);
    const blocks = packMetadata(words);
    const index = Buffer.alloc(this.#indexSize(ids.length, 4));
    for (let i = 0; i * 8 < index.length; i++)
      index.writeBigUInt64LE(BigInt(this.#start + from + i * storedSize), i * 8);
    const difference = blocks.length + index.length - (to - from);
    this.#moveXattrs(difference);
    this.bytes = Buffer.concat([this.bytes.subarray(0, from), blocks, index, this.bytes.subarray(to)]);
    if (this.#has(at.xattrTable)) this.#add(at.xattrTable, difference);
    this.#superblock.writeUInt16LE(ids.length, at.ids);
    this.#superblock.writeBigUInt64LE(BigInt(this.#start + from + blocks.length), at.idTable);
    this.#add(at.bytesUsed, difference);
  }

  /** Another list of attributes; its number. Nothing stands behind them. */
  addXattrs(xattrs: Attributes['xattrs']): number {
    const has = this.#has(at.xattrTable);
    const headAt = has ? long(this.#superblock, at.xattrTable) - this.#start : this.bytes.length;
    const from = has ? long(this.bytes, headAt) - this.#start : headAt;
    const old = { bytes: this.bytes.subarray(from), headAt: headAt - from };
    const made = addList(old, this.#start + from, xattrs);
    this.bytes = Buffer.concat([this.bytes.subarray(0, from), made.bytes]);
    const place = this.#start + from + made.headAt;
    this.#superblock.writeBigUInt64LE(BigInt(place), at.xattrTable);
    this.#add(at.bytesUsed, made.bytes.length - old.bytes.length);
    return countOf(old);
  }

  /** All that points into the tail, when the tail begins at another place. */
  moveTo(start: number): void {
    const difference = start - this.#start;
    this.#moveXattrs(difference);
    this.#moveIndex(at.fragmentTable, this.#superblock.readUInt32LE(at.fragments), 16, difference);
    this.#moveIndex(at.exportTable, this.#superblock.readUInt32LE(at.inodes), 8, difference);
    this.#moveIndex(at.idTable, this.#superblock.readUInt16LE(at.ids), 4, difference);
    for (const table of [at.folderTable, at.fragmentTable, at.exportTable, at.idTable, at.xattrTable])
      if (this.#has(table)) this.#add(table, difference);
    this.#add(at.bytesUsed, difference);
    this.#start = start;
  }

  #has(table: number): boolean {
    return this.#superblock.readBigUInt64LE(table) !== noTable;
  }

  #add(field: number, difference: number): void {
    this.#superblock.writeBigUInt64LE(BigInt(long(this.#superblock, field) + difference), field);
  }

  #indexSize(count: number, size: number): number {
    return Math.ceil((count * size) / metadataSize) * 8;
  }

  #moveIndex(table: number, count: number, size: number, difference: number): void {
    if (!this.#has(table)) return;
    const from = long(this.#superblock, table) - this.#start;
    this.#moveWords(from, this.#indexSize(count, size), difference);
  }

  #moveWords(from: number, size: number, difference: number): void {
    for (let offset = from; offset < from + size; offset += 8)
      this.bytes.writeBigUInt64LE(BigInt(long(this.bytes, offset) + difference), offset);
  }

  #moveXattrs(difference: number): void {
    if (!this.#has(at.xattrTable)) return;
    const from = long(this.#superblock, at.xattrTable) - this.#start;
    this.#moveWords(from, 8, difference);
    this.#moveWords(from + headSize, this.bytes.length - from - headSize, difference);
  }
}
