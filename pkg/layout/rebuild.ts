import { isMosError } from '../errors/index.ts';
import { childrenOf, type Descriptor, isIndexType, media } from '../oci/index.ts';
import { isIntact, readBlob } from './blobs.ts';
import { indexPath, type LayoutFolder, ownPath } from './folder.ts';
import { blobsOnDisk } from './gc.ts';
import { type IndexFile, lockIndex, readIndexFile, writeIndexFile } from './index-file.ts';
import { readReferrer } from './referrers.ts';
import { readDescriptor } from './resolve.ts';
import { toEntry } from './tag.ts';
import type { RebuildOptions } from './types.ts';

/**
 * index.json from the manifests among the blobs: what a readable one lists stays as it is, other manifests that no
 * index names are added, those with a subject unnamed.
 */
export async function rebuildIndex(
  at: LayoutFolder,
  { name = () => undefined }: RebuildOptions,
): Promise<readonly Descriptor[]> {
  await using _lock = await lockIndex(at);
  const old = await readIndexIfPossible(at);
  const found = await manifestsOnDisk(at);
  const inner = new Set<string>();
  for (const entry of found)
    if (isIndexType(entry.mediaType))
      for (const child of childrenOf(entry, await readBlob(at, entry))) inner.add(child.digest);
  const kept = (old?.manifests ?? []).filter((entry) => found.some(({ digest }) => digest === entry.digest));
  const listed = new Set<string>(kept.map(({ digest }) => digest));
  const added: Descriptor[] = [];
  for (const entry of found) {
    if (listed.has(entry.digest) || inner.has(entry.digest)) continue;
    const referrer = await readReferrer(at, entry);
    added.push(referrer === undefined ? toEntry(entry, name(entry)) : toEntry(referrer.descriptor));
  }
  const manifests = [...kept, ...added];
  await writeIndexFile(at, old, {
    rest: old?.rest ?? { schemaVersion: 2, mediaType: media.index },
    manifests,
  });
  return manifests;
}

async function readIndexIfPossible(at: LayoutFolder): Promise<IndexFile | undefined> {
  try {
    return await readIndexFile(at);
  } catch (error) {
    if (isMosError(error, 'not-found')) return undefined;
    if (!isMosError(error, 'invalid')) throw error;
    await keepDamaged(at);
    return undefined;
  }
}

/** Manifests whose bytes are right; others can't say what they were. */
async function manifestsOnDisk(at: LayoutFolder): Promise<readonly Descriptor[]> {
  const found: Descriptor[] = [];
  for (const { digest } of await blobsOnDisk(at)) {
    const descriptor = await readDescriptor(at, digest).catch(noneIfOurs);
    if (descriptor !== undefined && (await isIntact(at, descriptor))) found.push(descriptor);
  }
  return found;
}

function noneIfOurs(error: unknown): undefined {
  if (!isMosError(error)) throw error;
}

/** A person may still learn names from it. */
async function keepDamaged(at: LayoutFolder): Promise<void> {
  const aside = `${ownPath(at)}/index.json.damaged`;
  try {
    await at.host.files.remove(aside);
    await at.host.files.link(indexPath(at), aside);
  } catch (error) {
    // Not on a file system without links.
    if (!isMosError(error)) throw error;
  }
}
