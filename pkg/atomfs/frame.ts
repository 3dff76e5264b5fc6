import { MosError } from '../errors/index.ts';
import type { Host, ReadableFile } from '../host/index.ts';
import type { Descriptor } from '../oci/index.ts';
import { blockSize, type FileSystem, parseFileSystem, roundToBlock, superblockSpan } from './filesystem.ts';
import { type LayerFormat, parseLayerType, rootHashOf } from './layer.ts';
import { hashBlock, parseVeritySuperblock, planVerity, type VeritySuperblock } from './verity.ts';

/** A layer that is being looked at, and what its descriptor says. `what` names it in errors. */
export type Subject = {
  readonly descriptor: Descriptor;
  readonly what: string;
  readonly format: LayerFormat;
  readonly compression: string;
  readonly root: string | undefined;
};

/** Where things lie in a layer's file, and what dm-verity has to be told. Sizes in bytes, blocks of 4096. */
export type LayerFrame = {
  readonly format: LayerFormat;
  readonly fileSystemSize: number;
  /** undefined where the layer has no tree and its descriptor names no root hash. */
  readonly verity:
    | {
        readonly root: string;
        readonly salt: Uint8Array;
        readonly dataBlocks: number;
        readonly hashOffset: number;
      }
    | undefined;
};

export function subjectOf(descriptor: Descriptor): Subject {
  const type = parseLayerType(descriptor.mediaType);
  const what = `the layer ${descriptor.digest}`;
  if (type.kind !== 'atomfs')
    throw new MosError('unsupported', `cannot mount ${what}: it is a tar layer`, {
      hint: 'convert the image with `mosb image convert`, or publish it: that converts too',
    });
  return {
    descriptor,
    what,
    format: type.format,
    compression: type.compression,
    root: rootHashOf(descriptor),
  };
}

/**
 * Reads three blocks of a layer's file and compares them with its descriptor: superblock, sizes, verity superblock,
 * and that the top of the tree has the root hash. With dm-verity on top, every later change of the data is found.
 */
export async function readFrame(host: Host, file: string, descriptor: Descriptor): Promise<LayerFrame> {
  const subject = subjectOf(descriptor);
  await using opened = await host.files.open(file);
  if (opened.size !== descriptor.size)
    throw new MosError(
      'corrupt',
      `cannot use ${subject.what}: ${opened.size} bytes in place of ${descriptor.size}`,
    );
  const { format, size } = checkFileSystem(await readBlock(opened, 0, superblockSpan), subject);
  if (subject.root === undefined) return { format, fileSystemSize: size, verity: undefined };
  const { dataBlocks, hashOffset, levels } = planVerity(size);
  const { salt } = checkVeritySuperblock(await readBlock(opened, hashOffset), dataBlocks, subject);
  checkRoot(hashBlock(salt, await readBlock(opened, levels.at(-1)?.offset ?? 0)), subject);
  return { format, fileSystemSize: size, verity: { root: subject.root, salt, dataBlocks, hashOffset } };
}

async function readBlock(file: ReadableFile, position: number, size = blockSize): Promise<Uint8Array> {
  const block = new Uint8Array(size);
  let done = 0;
  for (let count = -1; count !== 0 && done < size; done += count)
    count = await file.read(block.subarray(done), position + done);
  return block.subarray(0, done);
}

/** The file system's superblock against the descriptor: format, compression and the size that follows. */
export function checkFileSystem(head: Uint8Array, subject: Subject): FileSystem {
  const { what, descriptor, format, compression, root } = subject;
  const found = parseFileSystem(head, what);
  if (found.format !== format) throw bad(subject, `its type says ${format}, but it holds ${found.format}`);
  if ((found.compression ?? compression) !== compression)
    throw bad(subject, `its type says ${compression}, but it is compressed by ${found.compression}`);
  const fits =
    root === undefined
      ? descriptor.size === found.size || descriptor.size === roundToBlock(found.size)
      : descriptor.size === planVerity(found.size).fileSize;
  if (!fits)
    throw bad(
      subject,
      `${descriptor.size} bytes do not fit a file system of ${found.size} bytes ${root === undefined ? 'without' : 'with'} a verity tree`,
    );
  return found;
}

export function checkVeritySuperblock(
  block: Uint8Array,
  dataBlocks: number,
  subject: Subject,
): VeritySuperblock {
  const superblock = parseVeritySuperblock(block, subject.what);
  if (superblock.dataBlocks !== dataBlocks)
    throw bad(
      subject,
      `its verity tree is for ${superblock.dataBlocks} blocks, its file system has ${dataBlocks}`,
    );
  return superblock;
}

export function checkRoot(found: Uint8Array, { what, root }: Subject): void {
  const hex = Buffer.from(found).toString('hex');
  if (hex === root) return;
  throw new MosError('untrusted', `cannot trust ${what}: its verity root hash is ${hex}, not ${root}`);
}

export const bad = ({ what }: Subject, why: string): MosError =>
  new MosError('invalid', `cannot use ${what}: ${why}`);
