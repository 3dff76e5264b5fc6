import { isMosError, MosError, messageOf } from '../errors/index.ts';
import { type Descriptor, type Digest, runPool, verifiedBody, walkGraph } from '../oci/index.ts';
import { blobBytes, blobSize, readBlob } from './blobs.ts';
import type { LayoutFolder } from './folder.ts';
import { blobsOnDisk } from './gc.ts';
import { noteHashed } from './hashed.ts';
import { readIndexFile, refNameOf } from './index-file.ts';
import type { Problem, VerifyOptions, VerifyResult } from './types.ts';

const defaultConcurrency = 2;

/** Hashes all blobs, those that something names and the others; several at once. */
export async function verifyLayout(at: LayoutFolder, options: VerifyOptions): Promise<VerifyResult> {
  const { manifests } = await readIndexFile(at);
  const named = await namedBlobs(at, manifests);
  const onDisk = await blobsOnDisk(at);
  const problems: Problem[] = [...named.problems];
  const add = (kind: Problem['kind'], digest: Digest, message: string) =>
    problems.push({ kind, digest, message, neededBy: [...(named.neededBy.get(digest) ?? [])] });
  const total = onDisk.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  const there = new Set(onDisk.map(({ digest }) => digest));
  for (const { digest } of named.blobs.values())
    if (!there.has(digest)) add('missing', digest, `${digest} is missing`);
  await runPool(
    onDisk,
    options.concurrency ?? defaultConcurrency,
    async ({ digest, bytes }, signal) => {
      const wanted = named.blobs.get(digest);
      const problem = await problemOf(
        at,
        wanted ?? { mediaType: '', digest, size: bytes },
        signal,
        (length) => {
          done += length;
          options.report?.({ kind: 'bytes', what: `verify ${at.name}`, done, total });
        },
      );
      if (problem !== undefined) add(problem.kind, digest, problem.message);
      else if (wanted === undefined) add('orphan', digest, `nothing names ${digest}`);
    },
    options.signal,
  );
  return { blobs: onDisk.length, bytes: total, problems: problems.sort(byDigest) };
}

const byDigest = (a: Problem, b: Problem): number => (a.digest < b.digest ? -1 : a.digest > b.digest ? 1 : 0);

async function problemOf(
  at: LayoutFolder,
  descriptor: Descriptor,
  signal: AbortSignal,
  count: (length: number) => void,
): Promise<Pick<Problem, 'kind' | 'message'> | undefined> {
  try {
    const size = await blobSize(at, descriptor.digest);
    if (size !== descriptor.size)
      return {
        kind: 'truncated',
        message: `${descriptor.digest} has ${size ?? 0} bytes in place of ${descriptor.size}`,
      };
    const body = verifiedBody(descriptor, blobBytes(at, descriptor, 0, { signal, lent: true }));
    for await (const chunk of body) count(chunk.length);
    await noteHashed(at, descriptor);
    return undefined;
  } catch (error) {
    if (!isMosError(error)) throw error;
    if (error.code !== 'corrupt') return { kind: 'invalid', message: messageOf(error) };
    return { kind: 'altered', message: `${descriptor.digest} has other bytes than its name says` };
  }
}

/** Every blob that index.json reaches and the entries that need it; a document that can't be read is a problem. */
async function namedBlobs(at: LayoutFolder, manifests: readonly Descriptor[]) {
  const blobs = new Map<Digest, Descriptor>();
  const neededBy = new Map<Digest, Set<string>>();
  const problems: Problem[] = [];
  for (const entry of manifests) {
    const by = refNameOf(entry) ?? entry.digest;
    const nodes = await walkGraph([entry], (document) => readIfIntact(at, document)).catch(
      (error: unknown) => {
        if (!isMosError(error)) throw error;
        problems.push({ kind: 'invalid', digest: entry.digest, message: messageOf(error), neededBy: [by] });
        return [{ descriptor: entry }];
      },
    );
    for (const { descriptor } of nodes) {
      blobs.set(descriptor.digest, descriptor);
      neededBy.set(descriptor.digest, (neededBy.get(descriptor.digest) ?? new Set()).add(by));
    }
  }
  return { blobs, neededBy, problems };
}

/** Documents that are missing or altered are told of when the blobs are hashed. */
async function readIfIntact(at: LayoutFolder, document: Descriptor): Promise<Uint8Array | undefined> {
  try {
    return await readBlob(at, document);
  } catch (error) {
    if (error instanceof MosError && (error.code === 'corrupt' || error.code === 'not-found'))
      return undefined;
    throw error;
  }
}
