import { createHash } from 'node:crypto';
import { blockSize } from '../../pkg/atomfs/filesystem.ts';
import { VerityTree } from '../../pkg/atomfs/tree.ts';
import { planVerity, renderVeritySuperblock, veritySalt } from '../../pkg/atomfs/verity.ts';
import { annotationKeys, type Descriptor, digestOf } from '../../pkg/oci/index.ts';

/**
 * A layer so large that a thread of its own looks at it, made quickly: the superblock of a squashfs, noise, and a true
 * tree. Nothing can mount it.
 */
export function makeLargeLayer(
  size: number = 9 * 1024 * 1024,
  salt: Uint8Array = veritySalt,
): { readonly bytes: Buffer; readonly descriptor: Descriptor } {
  const plan = planVerity(size);
  const bytes = Buffer.alloc(plan.fileSize);
  for (let at = 0; at < plan.hashOffset; at += 32)
    bytes.set(createHash('sha256').update(`${at}`).digest(), at);
  bytes.write('hsqs', 0, 'latin1');
  bytes.writeUInt16LE(6, 20); // zstd
  bytes.writeUInt16LE(4, 28);
  bytes.writeUInt16LE(0, 30);
  bytes.writeBigUInt64LE(BigInt(size), 40);
  const next = plan.levels.map(({ offset }) => offset);
  const tree = new VerityTree(salt, (level, block) => {
    bytes.set(block, next[level] ?? 0);
    next[level] = (next[level] ?? 0) + blockSize;
  });
  tree.update(bytes.subarray(0, plan.hashOffset));
  const root = Buffer.from(tree.end()).toString('hex');
  const uuid = Buffer.alloc(16, 1);
  bytes.set(renderVeritySuperblock({ uuid, dataBlocks: plan.dataBlocks, salt }), plan.hashOffset);
  const descriptor = {
    mediaType: 'application/vnd.stacker.image.layer.squashfs+zstd+verity',
    digest: digestOf(bytes),
    size: bytes.length,
    annotations: { [annotationKeys.verityRoot]: root },
  };
  return { bytes, descriptor };
}
