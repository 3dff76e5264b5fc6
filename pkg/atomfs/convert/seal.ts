import { createHash } from 'node:crypto';
import type { Host } from '../../host/index.ts';
import { type Digest, digestFromHex } from '../../oci/index.ts';
import { roundToBlock } from '../filesystem.ts';
import { VerityTree } from '../tree.ts';
import { planVerity, renderVeritySuperblock, veritySalt } from '../verity.ts';
import { type Part, sizeOfParts, streamParts } from './parts.ts';

/** A finished layer, not written yet. `root` is its verity root hash in hex. */
export type SealedLayer = {
  readonly digest: Digest;
  readonly size: number;
  readonly root: string;
  readonly parts: readonly Part[];
};

/**
 * Appends padding, verity superblock and tree to a file system, and hashes the result in the same reading. The tree
 * is held in memory: 1/128 of the file system.
 */
export async function sealParts(host: Host, parts: readonly Part[]): Promise<SealedLayer> {
  const size = sizeOfParts(parts);
  const plan = planVerity(size);
  const levels: Uint8Array[][] = plan.levels.map(() => []);
  const tree = new VerityTree(veritySalt, (level, block) => levels[level]?.push(block.slice()));
  const digest = createHash('sha256');
  for await (const chunk of streamParts(host, parts)) {
    tree.update(chunk);
    digest.update(chunk);
  }
  const padding = new Uint8Array(roundToBlock(size) - size);
  tree.update(padding);
  const root = tree.end();
  const superblock = renderVeritySuperblock({
    uuid: uuidOf(root),
    dataBlocks: plan.dataBlocks,
    salt: veritySalt,
  });
  const tail = Buffer.concat([padding, superblock, ...levels.toReversed().flat()]);
  return {
    digest: digestFromHex(digest.update(tail).digest('hex')),
    size: plan.fileSize,
    root: Buffer.from(root).toString('hex'),
    parts: [...parts, tail],
  };
}

/** RFC 9562 version 8: 122 bits of our own choice, here of the root hash. */
function uuidOf(root: Uint8Array): Uint8Array {
  const uuid = createHash('sha256').update('mos verity tree\0').update(root).digest().subarray(0, 16);
  uuid.writeUInt8((uuid.readUInt8(6) & 0x0f) | 0x80, 6);
  uuid.writeUInt8((uuid.readUInt8(8) & 0x3f) | 0x80, 8);
  return uuid;
}
