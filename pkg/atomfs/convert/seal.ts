import { createHash } from 'node:crypto';
import type { Host } from '../../host/index.ts';
import { type Digest, digestFromHex } from '../../oci/index.ts';
import { roundToBlock } from '../filesystem.ts';
import { VerityTree } from '../tree.ts';
import { planVerity, renderVeritySuperblock, veritySalt } from '../verity.ts';

/** A finished layer file. `root` is its verity root hash in hex. */
export type SealedLayer = { readonly digest: Digest; readonly size: number; readonly root: string };

/**
 * Appends the verity superblock and tree to a file system image, padded to whole blocks, and hashes the result in
 * the same reading. The tree is held in memory: 1/128 of the image.
 */
export async function sealLayer(host: Host, file: string): Promise<SealedLayer> {
  const size = (await host.files.stat(file))?.size ?? 0;
  const plan = planVerity(size);
  const levels: Uint8Array[][] = plan.levels.map(() => []);
  const tree = new VerityTree(veritySalt, (level, block) => levels[level]?.push(block.slice()));
  const digest = createHash('sha256');
  for await (const chunk of host.files.stream(file)) {
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
  await using output = await host.files.resume(file, size);
  await output.write(tail);
  return {
    digest: digestFromHex(digest.update(tail).digest('hex')),
    size: plan.fileSize,
    root: Buffer.from(root).toString('hex'),
  };
}

/** RFC 9562 version 8: 122 bits of our own choice, here of the root hash. */
function uuidOf(root: Uint8Array): Uint8Array {
  const uuid = createHash('sha256').update('mos verity tree\0').update(root).digest().subarray(0, 16);
  uuid.writeUInt8((uuid.readUInt8(6) & 0x0f) | 0x80, 6);
  uuid.writeUInt8((uuid.readUInt8(8) & 0x3f) | 0x80, 8);
  return uuid;
}
