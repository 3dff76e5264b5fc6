import { crc32 } from 'node:zlib';
import { MosError } from '../errors/index.ts';
import { guidBytes, renderGuid } from './guid.ts';

// The GUID partition table: UEFI 2.10, 5.3. Pure: bytes to table and back. Numbers are in sectors of 512 bytes.

export const sectorSize = 512;
const headerSize = 92;
const entryCount = 128;
const entrySize = 128;
const entrySectors = (entryCount * entrySize) / sectorSize;
/** The table at the front of a disk: protective MBR, header, entries. The one at the end has no MBR. */
export const frontSectors = 2 + entrySectors;
export const backSectors = 1 + entrySectors;

/** `type` and `id` are GUIDs in upper case; `first` and `last` are sectors, both included. */
export type Partition = {
  readonly number: number;
  readonly type: string;
  readonly id: string;
  readonly name: string;
  readonly first: number;
  readonly last: number;
};

export type PartitionTable = { readonly disk: string; readonly partitions: readonly Partition[] };

/** Reads the table at the front of a disk; undefined where there is none. A damaged one is an error. */
export function parseGpt(front: Uint8Array, what: string): PartitionTable | undefined {
  const bytes = Buffer.from(front.buffer, front.byteOffset, front.byteLength);
  if (bytes.toString('latin1', sectorSize, sectorSize + 8) !== 'EFI PART') return undefined;
  const damaged = (why: string) =>
    new MosError('corrupt', `cannot use the partition table of ${what}: ${why}`);

  const header = Buffer.from(bytes.subarray(sectorSize, sectorSize + headerSize));
  const expected = header.readUInt32LE(16);
  header.writeUInt32LE(0, 16);
  if (crc32(header) !== expected) throw damaged('the checksum of its header is wrong');
  if (header.readUInt32LE(80) !== entryCount || header.readUInt32LE(84) !== entrySize)
    throw damaged('it does not have 128 entries of 128 bytes');
  if (header.readBigUInt64LE(72) !== 2n) throw damaged('its entries do not begin at sector 2');

  const entries = bytes.subarray(2 * sectorSize, frontSectors * sectorSize);
  if (crc32(entries) !== header.readUInt32LE(88)) throw damaged('the checksum of its entries is wrong');
  return { disk: renderGuid(header.subarray(56, 72)), partitions: [...partitionsIn(entries)] };
}

function* partitionsIn(entries: Buffer): Generator<Partition> {
  for (let index = 0; index < entryCount; index++) {
    const entry = entries.subarray(index * entrySize, (index + 1) * entrySize);
    if (entry.subarray(0, 16).every((byte) => byte === 0)) continue;
    yield {
      number: index + 1,
      type: renderGuid(entry.subarray(0, 16)),
      id: renderGuid(entry.subarray(16, 32)),
      first: Number(entry.readBigUInt64LE(32)),
      last: Number(entry.readBigUInt64LE(40)),
      name: entry.toString('utf16le', 56).replace(/\0.*$/s, ''),
    };
  }
}

/** The bytes for the front and the end of a disk of `sectors`. */
export function renderGpt(table: PartitionTable, sectors: number): { front: Buffer; back: Buffer } {
  const entries = renderEntries(table, sectors);
  const front = Buffer.concat([
    protectiveMbr(sectors),
    renderHeader({ table, sectors, entries, at: 1, other: sectors - 1, entriesAt: 2 }),
    entries,
  ]);
  const entriesAt = sectors - backSectors;
  const back = Buffer.concat([
    entries,
    renderHeader({ table, sectors, entries, at: sectors - 1, other: 1, entriesAt }),
  ]);
  return { front, back };
}

function renderEntries(table: PartitionTable, sectors: number): Buffer {
  const entries = Buffer.alloc(entryCount * entrySize);
  for (const partition of table.partitions) {
    const { number, name, first, last } = partition;
    if (first < frontSectors || last < first || last >= sectors - backSectors || number > entryCount)
      throw new MosError('invalid', `cannot place partition ${number} (${name}): it lies outside the disk`);
    const entry = entries.subarray((number - 1) * entrySize, number * entrySize);
    guidBytes(partition.type).copy(entry, 0);
    guidBytes(partition.id).copy(entry, 16);
    entry.writeBigUInt64LE(BigInt(first), 32);
    entry.writeBigUInt64LE(BigInt(last), 40);
    entry.write(name.slice(0, 36), 56, 'utf16le');
  }
  return entries;
}

type HeaderParts = {
  readonly table: PartitionTable;
  readonly sectors: number;
  readonly entries: Buffer;
  readonly at: number;
  readonly other: number;
  readonly entriesAt: number;
};

function renderHeader({ table, sectors, entries, at, other, entriesAt }: HeaderParts): Buffer {
  const header = Buffer.alloc(sectorSize);
  header.write('EFI PART', 0, 'latin1');
  header.writeUInt32LE(0x10000, 8); // revision 1.0
  header.writeUInt32LE(headerSize, 12);
  header.writeBigUInt64LE(BigInt(at), 24);
  header.writeBigUInt64LE(BigInt(other), 32);
  header.writeBigUInt64LE(BigInt(frontSectors), 40);
  header.writeBigUInt64LE(BigInt(sectors - backSectors - 1), 48);
  guidBytes(table.disk).copy(header, 56);
  header.writeBigUInt64LE(BigInt(entriesAt), 72);
  header.writeUInt32LE(entryCount, 80);
  header.writeUInt32LE(entrySize, 84);
  header.writeUInt32LE(crc32(entries), 88);
  header.writeUInt32LE(crc32(header.subarray(0, headerSize)), 16);
  return header;
}

/** UEFI 2.10, 5.2.3: one partition of type EE over the whole disk, so that old tools keep off. */
function protectiveMbr(sectors: number): Buffer {
  const mbr = Buffer.alloc(sectorSize);
  const record = mbr.subarray(446, 462);
  record.writeUIntBE(0x000200, 1, 3); // CHS of sector 1
  record.writeUInt8(0xee, 4);
  record.writeUIntBE(0xffffff, 5, 3);
  record.writeUInt32LE(1, 8);
  record.writeUInt32LE(Math.min(sectors - 1, 0xffffffff), 12);
  mbr.writeUInt16LE(0xaa55, 510);
  return mbr;
}
