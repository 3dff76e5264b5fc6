import { isMosError, MosError } from '../errors/index.ts';
import { listIfThere } from '../host/index.ts';
import { type Descriptor, type Digest, digestHex, isDigest, isDocument } from '../oci/index.ts';
import { reachable } from './entries.ts';
import { blobPath, blobsPath, hashedPath, type LayoutFolder, lockWait, sessionLockPath } from './folder.ts';
import { type IndexFile, lockIndex, readIndexFile, refNameOf, writeIndexFile } from './index-file.ts';
import { leftovers, removeLeftover } from './leftovers.ts';
import { readReferrer } from './referrers.ts';
import type { GcOptions, GcResult, RemovedBlob } from './types.ts';

/**
 * Removes what nothing reaches: entries first, the index durable before the first blob goes. On a full disk its room is
 * made by what no entry needs. Sessions of other processes are waited for, so that what they have put and not yet named
 * is safe.
 */
export async function collectGarbage(at: LayoutFolder, options: GcOptions): Promise<GcResult> {
  if (options.dryRun) return planGarbage(at, await readIndexFile(at), options);
  await using _alone = await at.host.files.lock(sessionLockPath(at), { wait: lockWait, owner: at.owner });
  await using _index = await lockIndex(at);
  const index = await readIndexFile(at);
  const result = await planGarbage(at, index, options);
  for (const leftover of await leftovers(at)) await removeLeftover(at, leftover);
  const going = new Set(result.blobs.map(({ digest }) => digest));
  await removeNotes(at, (digest) => going.has(digest));
  const manifests = index.manifests.filter((entry) => !result.entries.includes(entry));
  await writeIndexInLittleRoom(at, index, { ...index, manifests });
  for (const digest of going) await at.host.files.removeTree(blobPath(at, digest));
  if (going.size > 0) await at.host.files.syncFolder(blobsPath(at));
  return result;
}

/** A note takes a block and an inode, and only saves one hashing: all of them together always have room for an index. */
async function writeIndexInLittleRoom(at: LayoutFolder, old: IndexFile, index: IndexFile): Promise<void> {
  try {
    await writeIndexFile(at, old, index);
  } catch (error) {
    if (!isMosError(error, 'no-space')) throw error;
    await removeNotes(at, () => true);
    await writeIndexFile(at, old, index);
  }
}

/** Notes of blobs that are gone, and those of `others`. */
async function removeNotes(at: LayoutFolder, others: (digest: Digest) => boolean): Promise<void> {
  const there = await blobsOnDisk(at);
  const stay = new Set(there.filter(({ digest }) => !others(digest)).map(({ digest }) => digestHex(digest)));
  for (const name of await at.host.files.list(hashedPath(at)))
    if (!stay.has(name)) await at.host.files.remove(`${hashedPath(at)}/${name}`);
}

/** What would go, and how much room that gives. Refuses where a manifest that stays can't be followed. */
async function planGarbage(
  at: LayoutFolder,
  { manifests }: IndexFile,
  { keep, live }: GcOptions,
): Promise<GcResult> {
  const { kept, reached } = await keptEntries(at, manifests, keep);
  const blobs = (await blobsOnDisk(at)).filter(({ digest }) => !reached.has(digest) && !live?.has(digest));
  const partial = sum((await leftovers(at)).map(({ stat }) => stat.size));
  return {
    entries: manifests.filter((entry) => !kept.has(entry)),
    blobs,
    partial,
    bytes: sum(blobs.map(({ bytes }) => bytes)) + partial,
  };
}

/** The entries that stay, those asked for and what refers to one that stays, and all that they reach. */
async function keptEntries(
  at: LayoutFolder,
  manifests: readonly Descriptor[],
  keep: ReadonlySet<Digest> | undefined,
): Promise<{ readonly kept: ReadonlySet<Descriptor>; readonly reached: ReadonlySet<Digest> }> {
  const subjects = new Map<Descriptor, Digest>();
  for (const entry of manifests) {
    const referrer = await readReferrer(at, entry);
    if (referrer !== undefined) subjects.set(entry, referrer.subject);
  }
  // Without a list: what has a name or refers to nothing. A nameless referrer lives as long as its subject.
  const isRoot = (entry: Descriptor) =>
    keep === undefined ? !subjects.has(entry) || refNameOf(entry) !== undefined : keep.has(entry.digest);
  const kept = new Set<Descriptor>();
  const reached = new Set<Digest>();
  for (let next = manifests.filter(isRoot); next.length > 0; ) {
    for (const entry of next) {
      kept.add(entry);
      for (const digest of await digestsBelow(at, entry)) reached.add(digest);
    }
    next = manifests.filter((entry) => {
      const subject = subjects.get(entry);
      return (
        !kept.has(entry) && (reached.has(entry.digest) || (subject !== undefined && reached.has(subject)))
      );
    });
  }
  return { kept, reached };
}

/** A lost manifest would make its layers look like garbage, though they are what a repair needs. */
async function digestsBelow(at: LayoutFolder, entry: Descriptor): Promise<Digest[]> {
  const { all, lost } = await reachable(at, [entry]);
  const document = lost.find(isDocument);
  if (document === undefined) return all.map(({ digest }) => digest);
  const name = refNameOf(entry) ?? entry.digest;
  throw new MosError(
    'corrupt',
    `cannot tell what is garbage in ${at.folder}: ${document.digest}, a manifest of ${name}, is missing or incomplete`,
    { hint: `copy ${name} again or untag it` },
  );
}

/** Blobs and their sizes, sorted. Files with other names aren't ours and stay. */
export async function blobsOnDisk(at: LayoutFolder): Promise<RemovedBlob[]> {
  const found: RemovedBlob[] = [];
  for (const name of await listIfThere(at.host, blobsPath(at))) {
    const digest = `sha256:${name}`;
    if (!isDigest(digest)) continue;
    const stat = await at.host.files.stat(blobPath(at, digest));
    if (stat !== undefined) found.push({ digest, bytes: stat.type === 'file' ? stat.size : 0 });
  }
  return found;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
