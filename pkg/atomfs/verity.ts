import { hash } from 'node:crypto';
import { MosError } from '../errors/index.ts';
import { blockSize, roundToBlock } from './filesystem.ts';

/** FORMATS 7: one salt for all layers, so that equal blocks have equal hashes in every image. */
export const veritySalt: Uint8Array = new Uint8Array(32);

export const hashSize = 32;
const hashesPerBlock = blockSize / hashSize;

/** What the verity superblock says that may differ; sha256, format 1 and blocks of 4096 bytes are fixed. */
export type VeritySuperblock = {
  readonly uuid: Uint8Array;
  readonly dataBlocks: number;
  readonly salt: Uint8Array;
};

/** Format 1: the salt comes first. */
export const hashBlock = (salt: Uint8Array, block: Uint8Array): Uint8Array => blockHasher(salt)(block);

/** For many blocks: one piece of memory and one call of the runtime for each take half of what a hash object takes. */
export function blockHasher(salt: Uint8Array): (block: Uint8Array) => Uint8Array {
  const input = new Uint8Array(salt.length + blockSize);
  input.set(salt);
  return (block) => {
    input.set(block, salt.length);
    return hash('sha256', input, 'buffer');
  };
}

/** One level of the tree, 0 above the data. `offset` in the layer's file, `blocks` of 4096 bytes. */
export type VerityLevel = { readonly offset: number; readonly blocks: number };

/** Where everything lies in a layer: data, superblock (one block), levels of the tree, the top one first in the file. */
export type VerityPlan = {
  readonly dataBlocks: number;
  readonly hashOffset: number;
  /** Index 0 is the level above the data, the last one has one block; empty where the data is one block. */
  readonly levels: readonly VerityLevel[];
  readonly fileSize: number;
};

/** Linux admin-guide/device-mapper/verity.rst: levels until one block holds all hashes. */
export function planVerity(fileSystemSize: number): VerityPlan {
  const hashOffset = roundToBlock(fileSystemSize);
  const dataBlocks = hashOffset / blockSize;
  const counts: number[] = [];
  for (let blocks = dataBlocks; blocks > 1; ) {
    blocks = Math.ceil(blocks / hashesPerBlock);
    counts.push(blocks);
  }
  let offset = hashOffset + blockSize;
  const levels: VerityLevel[] = [];
  for (const blocks of counts.toReversed()) {
    levels.unshift({ offset, blocks });
    offset += blocks * blockSize;
  }
  return { dataBlocks, hashOffset, levels, fileSize: offset };
}

/** cryptsetup 2.6 lib/verity/verity.c: struct verity_sb, little endian. */
const signature = Buffer.from('verity\0\0', 'latin1');
const algorithm = 'sha256';
const at = {
  version: 8,
  hashType: 12,
  uuid: 16,
  algorithm: 32,
  dataBlockSize: 64,
  hashBlockSize: 68,
  dataBlocks: 72,
  saltSize: 80,
  salt: 88,
} as const;
const largestSalt = 256;

/** The block before the tree. */
export function renderVeritySuperblock(superblock: VeritySuperblock): Uint8Array {
  const bytes = Buffer.alloc(blockSize);
  signature.copy(bytes);
  bytes.writeUInt32LE(1, at.version);
  bytes.writeUInt32LE(1, at.hashType);
  bytes.set(superblock.uuid, at.uuid);
  bytes.write(algorithm, at.algorithm, 'latin1');
  bytes.writeUInt32LE(blockSize, at.dataBlockSize);
  bytes.writeUInt32LE(blockSize, at.hashBlockSize);
  bytes.writeBigUInt64LE(BigInt(superblock.dataBlocks), at.dataBlocks);
  bytes.writeUInt16LE(superblock.salt.length, at.saltSize);
  bytes.set(superblock.salt, at.salt);
  return bytes;
}

/** Refuses what is no verity superblock, and parameters other than those that mos and stacker write. */
export function parseVeritySuperblock(block: Uint8Array, what: string): VeritySuperblock {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  if (bytes.length < blockSize || !bytes.subarray(0, signature.length).equals(signature))
    throw bad(what, 'there is no verity superblock behind the file system');
  const name = bytes.subarray(at.algorithm, at.algorithm + 32).toString('latin1');
  expect(what, 'version', bytes.readUInt32LE(at.version), 1);
  expect(what, 'format', bytes.readUInt32LE(at.hashType), 1);
  expect(what, 'algorithm', name.replace(/\0.*$/s, ''), algorithm);
  expect(what, 'data block size', bytes.readUInt32LE(at.dataBlockSize), blockSize);
  expect(what, 'hash block size', bytes.readUInt32LE(at.hashBlockSize), blockSize);
  const dataBlocks = Number(bytes.readBigUInt64LE(at.dataBlocks));
  const saltSize = bytes.readUInt16LE(at.saltSize);
  if (saltSize > largestSalt) throw bad(what, `its verity salt has ${saltSize} bytes`);
  const copy = (offset: number, size: number) => Uint8Array.from(bytes.subarray(offset, offset + size));
  return { uuid: copy(at.uuid, 16), dataBlocks, salt: copy(at.salt, saltSize) };
}

function expect(what: string, field: string, found: string | number, wanted: string | number): void {
  if (found === wanted) return;
  throw new MosError(
    'unsupported',
    `cannot use ${what}: its verity ${field} is ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`,
  );
}

const bad = (what: string, why: string): MosError => new MosError('invalid', `cannot use ${what}: ${why}`);
