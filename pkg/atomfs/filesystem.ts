import { MosError } from '../errors/index.ts';
import type { LayerFormat } from './layer.ts';

/**
 * What a file system says about itself. `size` in bytes, as its superblock has it. erofs has no word for the whole
 * file's compression (lz4 and lz4hc are one format on disk).
 */
export type FileSystem = {
  readonly format: LayerFormat;
  readonly compression?: string;
  readonly size: number;
};

/** How many bytes from the front of a file `parseFileSystem` needs; shorter files are given whole. */
export const superblockSpan = 4096;

/** Block size of the verity tree, and what a file system is padded to. */
export const blockSize = 4096;

export const roundToBlock = (size: number): number => Math.ceil(size / blockSize) * blockSize;

/** Linux fs/squashfs/squashfs_fs.h: struct squashfs_super_block, little endian. */
const squashfsMagic = 0x73717368;
const squashfsHeader = 96;
const squashfsCompressions = ['', 'gzip', 'lzma', 'lzo', 'xz', 'lz4', 'zstd'];

/** Linux fs/erofs/erofs_fs.h: struct erofs_super_block, little endian, at byte 1024. */
const erofsMagic = 0xe0f5e1e2;
const erofsOffset = 1024;
const erofsHeader = 128;
/** EROFS_FEATURE_INCOMPAT_DEVICE_TABLE: blocks in other files, which no verity tree of this one covers. */
const erofsDeviceTable = 0x8;

/** Reads the superblock in the first bytes of a layer; `what` names the layer in the error. */
export function parseFileSystem(head: Uint8Array, what: string): FileSystem {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length >= squashfsHeader && view.getUint32(0, true) === squashfsMagic)
    return parseSquashfs(view, what);
  if (head.length >= erofsOffset + erofsHeader && view.getUint32(erofsOffset, true) === erofsMagic)
    return parseErofs(new DataView(head.buffer, head.byteOffset + erofsOffset, erofsHeader), what);
  throw new MosError('invalid', `cannot use ${what}: it holds neither a squashfs nor an erofs file system`);
}

function parseSquashfs(view: DataView, what: string): FileSystem {
  const version = `${view.getUint16(28, true)}.${view.getUint16(30, true)}`;
  if (version !== '4.0')
    throw new MosError('unsupported', `cannot use ${what}: it is squashfs ${version}, not 4.0`);
  const compression = squashfsCompressions[view.getUint16(20, true)];
  if (!compression) throw new MosError('invalid', `cannot use ${what}: its superblock names no compression`);
  return { format: 'squashfs', compression, size: toSize(view.getBigUint64(40, true), squashfsHeader, what) };
}

function parseErofs(view: DataView, what: string): FileSystem {
  const bits = view.getUint8(12);
  const features = view.getUint32(80, true);
  if (bits < 9 || bits > 12)
    throw new MosError('unsupported', `cannot use ${what}: its erofs blocks have 2^${bits} bytes`);
  if ((features & erofsDeviceTable) !== 0)
    throw new MosError('unsupported', `cannot use ${what}: its erofs needs a second device`);
  const size = toSize(BigInt(view.getUint32(36, true)) << BigInt(bits), erofsOffset + erofsHeader, what);
  return { format: 'erofs', size };
}

function toSize(size: bigint, least: number, what: string): number {
  if (size < BigInt(least) || size > BigInt(Number.MAX_SAFE_INTEGER))
    throw new MosError('invalid', `cannot use ${what}: its superblock gives a size of ${size} bytes`);
  return Number(size);
}
