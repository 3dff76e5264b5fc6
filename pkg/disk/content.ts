import type { Host } from '../host/index.ts';

/** What a device holds. Only one that is `blank` may be formatted. */
export type PartitionContent =
  | { readonly kind: 'blank' | 'foreign' }
  /** Size of the file system in bytes, which may be less than that of its device. */
  | { readonly kind: 'ext4'; readonly bytes: number };

/** All signatures of file systems, of swap, RAID and LUKS are in here, but those at the very end of a device. */
const front = 1024 * 1024;

export async function readContent(host: Host, device: string): Promise<PartitionContent> {
  const bytes = Buffer.alloc(front);
  await using file = await host.files.open(device);
  const length = await file.read(bytes, 0);
  return parseContent(bytes.subarray(0, length));
}

/** ext4 superblock: Documentation/filesystems/ext4/super.rst; it is 1024 bytes from the front. */
const superblock = 1024;
const magic = 0xef53;
const has64Bits = 0x80;

export function parseContent(bytes: Buffer): PartitionContent {
  if (bytes.every((byte) => byte === 0)) return { kind: 'blank' };
  if (bytes.length < 2 * superblock || bytes.readUInt16LE(superblock + 0x38) !== magic)
    return { kind: 'foreign' };
  const low = bytes.readUInt32LE(superblock + 0x4);
  const isLarge = (bytes.readUInt32LE(superblock + 0x60) & has64Bits) !== 0;
  const high = isLarge ? bytes.readUInt32LE(superblock + 0x150) : 0;
  const blockSize = 1024 * 2 ** bytes.readUInt32LE(superblock + 0x18);
  return { kind: 'ext4', bytes: (high * 2 ** 32 + low) * blockSize };
}
