import { MosError } from '../errors/index.ts';
import { type Descriptor, type Digest, type ReadOptions, readVerified, verifiedBody } from '../oci/index.ts';
import { blobPath, type LayoutFolder } from './folder.ts';

/** Size of a blob's file; undefined where there is none. What is no regular file is refused, links above all. */
export async function blobSize(at: LayoutFolder, digest: Digest): Promise<number | undefined> {
  const path = blobPath(at, digest);
  const stat = await at.host.files.stat(path);
  if (stat === undefined) return undefined;
  if (stat.type !== 'file')
    throw new MosError('invalid', `cannot use ${path}: it is a ${stat.type} in place of a file`);
  return stat.size;
}

/** The file of a blob that is there and as long as it must be. */
export async function blobFile(at: LayoutFolder, descriptor: Descriptor): Promise<string> {
  const size = await blobSize(at, descriptor.digest);
  if (size === undefined) throw new MosError('not-found', `cannot find ${descriptor.digest} in ${at.folder}`);
  if (size !== descriptor.size)
    throw new MosError(
      'corrupt',
      `cannot use ${descriptor.digest} in ${at.folder}: its file has ${size} bytes in place of ${descriptor.size}`,
    );
  return blobPath(at, descriptor.digest);
}

export const lentSize = 512 * 1024;

/** The bytes of a blob from `start` on, not verified; those that are lent in the same pieces of memory again and again. */
export async function* blobBytes(
  at: LayoutFolder,
  descriptor: Descriptor,
  start = 0,
  { signal, lent }: ReadOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const path = await blobFile(at, descriptor);
  const reuse = lent && descriptor.size > lentSize ? { reuse: lentSize } : {};
  for await (const chunk of at.host.files.stream(path, { start, noFollow: true, ...reuse })) {
    signal?.throwIfAborted();
    yield chunk;
  }
}

/** A small document, verified. */
export const readBlob = (at: LayoutFolder, descriptor: Descriptor): Promise<Uint8Array> =>
  readVerified(descriptor, blobBytes(at, descriptor));

/** Reads a blob through; whether its bytes are the ones named. */
export async function isIntact(at: LayoutFolder, descriptor: Descriptor): Promise<boolean> {
  try {
    for await (const _ of verifiedBody(descriptor, blobBytes(at, descriptor, 0, { lent: true })));
    return true;
  } catch (error) {
    if (error instanceof MosError && (error.code === 'corrupt' || error.code === 'not-found')) return false;
    throw error;
  }
}
