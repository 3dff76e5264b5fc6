import { zstdDecompressSync } from 'node:zlib';

/** What a block of metadata holds, and what it takes in the file where it is not compressed. */
export const metadataSize = 8192;
export const storedSize = metadataSize + 2;
const uncompressed = 0x8000;

/** Blocks of metadata, from the first to the last byte of them. */
export const unpackMetadata = (bytes: Buffer): Buffer =>
  Buffer.concat(
    metadataBlocks(bytes).map(({ isPacked, data }) => (isPacked ? zstdDecompressSync(data) : data)),
  );

/** Where the last of some blocks begins. */
export const lastBlockAt = (bytes: Buffer): number => metadataBlocks(bytes).at(-1)?.at ?? 0;

function metadataBlocks(bytes: Buffer): { at: number; isPacked: boolean; data: Buffer }[] {
  const blocks = [];
  for (let at = 0; at < bytes.length; ) {
    const header = bytes.readUInt16LE(at);
    const size = header & ~uncompressed;
    const data = bytes.subarray(at + 2, at + 2 + size);
    blocks.push({ at, isPacked: (header & uncompressed) === 0, data });
    at += 2 + size;
  }
  return blocks;
}

/** Stored as they are, so that no compressor's version matters. */
export function packMetadata(bytes: Buffer): Buffer {
  const blocks: Buffer[] = [];
  for (let offset = 0; offset < bytes.length; offset += metadataSize) {
    const block = bytes.subarray(offset, offset + metadataSize);
    const header = Buffer.alloc(2);
    header.writeUInt16LE(block.length | uncompressed);
    blocks.push(header, block);
  }
  return Buffer.concat(blocks);
}
