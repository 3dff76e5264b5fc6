import { type Descriptor, type Digest, digestHex, isDigest } from '../oci/index.ts';
import { reachable } from './entries.ts';
import { blobPath, blobsPath, hashedPath, type LayoutFolder, lockWait, sessionLockPath } from './folder.ts';
import { lockIndex, readIndexFile, writeIndexFile } from './index-file.ts';
import { type Referrer, readReferrer } from './referrers.ts';
import type { GcOptions, GcResult, RemovedBlob } from './types.ts';

/** Which entries stay: those asked for, and what refers to one that stays, directly or not. */
async function keptEntries(
  at: LayoutFolder,
  manifests: readonly Descriptor[],
  keep: ReadonlySet<Digest> | undefined,
): Promise<readonly Descriptor[]> {
  const referrers = new Map<Digest, Referrer>();
  for (const entry of manifests) {
    const referrer = await readReferrer(at, entry);
    if (referrer !== undefined) referrers.set(entry.digest, referrer);
  }
  // Without a list: names and what refers to nothing; a referrer whose subject is gone has no use.
  const isRoot = (entry: Descriptor) =>
    keep === undefined
      ? !referrers.has(entry.digest) || entry.annotations !== undefined
      : keep.has(entry.digest);
  const kept = new Set(manifests.filter(isRoot));
  for (let before = -1; before !== kept.size; ) {
    before = kept.size;
    const reached = new Set((await reachable(at, [...kept])).all.map(({ digest }) => digest));
    for (const entry of manifests) {
      const subject = referrers.get(entry.digest)?.subject;
      if (reached.has(entry.digest) || (subject !== undefined && reached.has(subject))) kept.add(entry);
    }
  }
  return manifests.filter((entry) => kept.has(entry));
}

/**
 * Removes what nothing reaches: entries first, the index durable before the first blob goes. Sessions of other
 * processes are waited for, so that what they have put and not yet named is safe.
 */
export async function collectGarbage(at: LayoutFolder, options: GcOptions): Promise<GcResult> {
  if (options.dryRun) return plan(at, options);
  await using _alone = await at.host.files.lock(sessionLockPath(at), { wait: lockWait, owner: at.owner });
  await using _index = await lockIndex(at);
  const result = await plan(at, options);
  const index = await readIndexFile(at);
  await writeIndexFile(at, index, {
    ...index,
    manifests: index.manifests.filter((entry) => !result.entries.some((gone) => isSame(gone, entry))),
  });
  for (const { digest } of result.blobs) {
    await at.host.files.remove(`${hashedPath(at)}/${digestHex(digest)}`);
    await at.host.files.remove(blobPath(at, digest));
  }
  if (result.blobs.length > 0) await at.host.files.syncFolder(blobsPath(at));
  return result;
}

const isSame = (a: Descriptor, b: Descriptor): boolean => JSON.stringify(a) === JSON.stringify(b);

async function plan(at: LayoutFolder, { keep, live }: GcOptions): Promise<GcResult> {
  const { manifests } = await readIndexFile(at);
  const kept = await keptEntries(at, manifests, keep);
  const reached = new Set((await reachable(at, kept)).all.map(({ digest }) => digest));
  const blobs: RemovedBlob[] = [];
  for (const { digest, bytes } of await blobsOnDisk(at))
    if (!reached.has(digest) && !live?.has(digest)) blobs.push({ digest, bytes });
  return {
    entries: manifests.filter((entry) => !kept.includes(entry)),
    blobs,
    bytes: blobs.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** Blobs and their sizes, sorted. Files with other names aren't ours and stay. */
export async function blobsOnDisk(at: LayoutFolder): Promise<RemovedBlob[]> {
  const found: RemovedBlob[] = [];
  for (const name of await at.host.files.list(blobsPath(at))) {
    const digest = `sha256:${name}`;
    if (!isDigest(digest)) continue;
    const stat = await at.host.files.stat(blobPath(at, digest));
    if (stat !== undefined) found.push({ digest, bytes: stat.type === 'file' ? stat.size : 0 });
  }
  return found;
}
