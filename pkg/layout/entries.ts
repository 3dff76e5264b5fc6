import { isMosError } from '../errors/index.ts';
import { type Descriptor, isIndexType, parseImageIndex, walkGraph } from '../oci/index.ts';
import { blobSize, readBlob } from './blobs.ts';
import type { LayoutFolder } from './folder.ts';
import { readIndexFile } from './index-file.ts';

const depthLimit = 8;

/** Entries of index.json and of the indexes it names, the outer ones first. An index that can't be read adds none. */
export async function allEntries(at: LayoutFolder): Promise<readonly Descriptor[]> {
  const found: Descriptor[] = [];
  const seen = new Set<string>();
  let level = (await readIndexFile(at)).manifests;
  for (let depth = 0; level.length > 0 && depth < depthLimit; depth++) {
    found.push(...level);
    const inner: Descriptor[] = [];
    for (const entry of level) {
      if (!isIndexType(entry.mediaType) || seen.has(entry.digest)) continue;
      seen.add(entry.digest);
      inner.push(...(await entriesOf(at, entry)));
    }
    level = inner;
  }
  return found;
}

async function entriesOf(at: LayoutFolder, index: Descriptor): Promise<readonly Descriptor[]> {
  try {
    return parseImageIndex(await readBlob(at, index), `the index ${index.digest}`).manifests;
  } catch (error) {
    if (isMosError(error)) return [];
    throw error;
  }
}

/** Everything the roots reach; `lost` are those of it that aren't there or have another size. */
export async function reachable(
  at: LayoutFolder,
  roots: readonly Descriptor[],
): Promise<{ readonly all: readonly Descriptor[]; readonly lost: readonly Descriptor[] }> {
  const lost: Descriptor[] = [];
  const isThere = async (part: Descriptor) => (await blobSize(at, part.digest)) === part.size;
  const nodes = await walkGraph(roots, async (document) =>
    (await isThere(document)) ? readBlob(at, document) : undefined,
  );
  const all = nodes.map(({ descriptor }) => descriptor);
  for (const part of all) if (!(await isThere(part))) lost.push(part);
  return { all, lost };
}
