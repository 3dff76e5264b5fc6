import { lastBlockAt, metadataSize, packMetadata, storedSize, unpackMetadata } from './squashfs-metadata.ts';
import type { Attributes, ByteText } from './tar/entry.ts';

/** Linux fs/squashfs/squashfs_fs.h: SQUASHFS_XATTR_USER and so on. */
const prefixes = ['user.', 'trusted.', 'security.'];

/** struct squashfs_xattr_id_table: where the names and values begin, how many lists, 4 bytes unused; then an index. */
export const headSize = 16;
const countAt = 8;
/** struct squashfs_xattr_id: where its names and values are, how many, and their size. */
const listSize = 16;

/** The table of extended attributes: names with values, lists of them, and `headAt` what tells where they are. */
export type XattrTable = { readonly bytes: Buffer; readonly headAt: number };

/** The table with one list more, whose number is that of the lists before. `start`: where the table begins in the file. */
export function addList(table: XattrTable, start: number, xattrs: Attributes['xattrs']): XattrTable {
  const { bytes, headAt } = table;
  const count = countOf(table);
  const listsAt = count === 0 ? 0 : Number(bytes.readBigUInt64LE(headAt + headSize)) - start;
  const pairs = bytes.subarray(0, listsAt);
  const kept = lastBlockAt(pairs);
  const last = unpackMetadata(pairs.subarray(kept));
  const added = renderPairs(xattrs);
  const newPairs = Buffer.concat([pairs.subarray(0, kept), packMetadata(Buffer.concat([last, added]))]);
  const place = placeOf(last.length, kept);
  const list = Buffer.alloc(listSize);
  list.writeBigUInt64LE((BigInt(place.block) << 16n) | BigInt(place.offset), 0);
  list.writeUInt32LE(xattrs.size, 8);
  list.writeUInt32LE(added.length, 12);
  const lists = packMetadata(Buffer.concat([unpackMetadata(bytes.subarray(listsAt, headAt)), list]));
  const head = renderHead(start, start + newPairs.length, count + 1);
  return { bytes: Buffer.concat([newPairs, lists, head]), headAt: newPairs.length + lists.length };
}

export const countOf = ({ bytes, headAt }: XattrTable): number =>
  bytes.length === 0 ? 0 : bytes.readUInt32LE(headAt + countAt);

/** Where a byte is that is so far behind the beginning of a block. */
const placeOf = (distance: number, block: number): { block: number; offset: number } => ({
  block: block + Math.floor(distance / metadataSize) * storedSize,
  offset: distance % metadataSize,
});

function renderHead(start: number, listsAt: number, count: number): Buffer {
  const blocks = Math.ceil((count * listSize) / metadataSize);
  const head = Buffer.alloc(headSize + blocks * 8);
  head.writeBigUInt64LE(BigInt(start), 0);
  head.writeUInt32LE(count, countAt);
  for (let i = 0; i < blocks; i++) head.writeBigUInt64LE(BigInt(listsAt + i * storedSize), headSize + i * 8);
  return head;
}

/** struct squashfs_xattr_entry (type, size of the name, name without prefix) and squashfs_xattr_val (size, value). */
const renderPairs = (xattrs: Attributes['xattrs']): Buffer =>
  Buffer.concat([...xattrs].flatMap(([name, value]) => renderPair(name, value)));

function renderPair(name: ByteText, value: ByteText): Buffer[] {
  const type = prefixes.findIndex((prefix) => name.startsWith(prefix));
  const rest = Buffer.from(name.slice(prefixes[type]?.length), 'latin1');
  const head = Buffer.alloc(4);
  head.writeUInt16LE(type, 0);
  head.writeUInt16LE(rest.length, 2);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(value.length);
  return [head, rest, size, Buffer.from(value, 'latin1')];
}
