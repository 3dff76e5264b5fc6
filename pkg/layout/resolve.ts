import { MosError } from '../errors/index.ts';
import { type Descriptor, type Digest, documentLimit, isDigest, isDocument, media } from '../oci/index.ts';
import { blobSize } from './blobs.ts';
import { allEntries } from './entries.ts';
import { blobPath, type LayoutFolder, readSmall } from './folder.ts';
import { readIndexFile, refNameOf } from './index-file.ts';

/** The manifest of a tag or digest. A name that stands for two different manifests is refused. */
export const resolveName = (at: LayoutFolder, name: string): Promise<Descriptor> =>
  isDigest(name) ? resolveDigest(at, name) : resolveTag(at, name);

async function resolveTag(at: LayoutFolder, name: string): Promise<Descriptor> {
  const { manifests } = await readIndexFile(at);
  const isNamed = (entry: Descriptor) => refNameOf(entry) === name;
  const outer = manifests.filter(isNamed);
  const found = outer.length > 0 ? outer : (await allEntries(at)).filter(isNamed);
  const [first] = found;
  if (first === undefined) throw noSuchName(at, name, manifests);
  if (found.some((entry) => entry.digest !== first.digest))
    throw new MosError(
      'invalid',
      `cannot resolve ${name} in ${at.folder}: the name stands for ${found.length} manifests`,
      { hint: 'name one of them by its digest' },
    );
  return first;
}

const namesShown = 10;

function noSuchName(at: LayoutFolder, name: string, manifests: readonly Descriptor[]): MosError {
  const names = namesOf(manifests);
  const shown = `${names.slice(0, namesShown).join(', ')}${names.length > namesShown ? ', …' : ''}`;
  return new MosError('not-found', `cannot find ${name} in ${at.folder}: no image there has that name`, {
    hint: names.length === 0 ? 'no image there has a name' : `names there: ${shown}`,
  });
}

/** Names of entries, sorted, each once. */
export const namesOf = (manifests: readonly Descriptor[]): readonly string[] =>
  [...new Set(manifests.map(refNameOf))].filter((name) => name !== undefined).sort();

/** A listed manifest, else a blob that is one. */
async function resolveDigest(at: LayoutFolder, digest: Digest): Promise<Descriptor> {
  const listed = (await allEntries(at)).find((entry) => entry.digest === digest);
  const found = listed ?? (await readDescriptor(at, digest));
  if (found !== undefined) return found;
  throw new MosError('not-found', `cannot find the manifest ${digest} in ${at.folder}`);
}

/** The descriptor of a blob that is a manifest or index; its media type is the one it says, or follows from its shape. */
export async function readDescriptor(at: LayoutFolder, digest: Digest): Promise<Descriptor | undefined> {
  const size = await blobSize(at, digest);
  if (size === undefined || size > documentLimit) return undefined;
  const value = parseJson(await readSmall(at.host, blobPath(at, digest), documentLimit));
  if (typeof value !== 'object' || value === null) return undefined;
  const { schemaVersion, mediaType, manifests, layers } = value as Record<string, unknown>;
  if (schemaVersion !== 2) return undefined;
  const shape = Array.isArray(manifests) ? media.index : Array.isArray(layers) ? media.manifest : undefined;
  if (shape === undefined) return undefined;
  const descriptor = { mediaType: typeof mediaType === 'string' ? mediaType : shape, digest, size };
  return isDocument(descriptor) ? descriptor : undefined;
}

function parseJson(bytes: Uint8Array): unknown {
  // A layer is no JSON: its first byte says so.
  if (bytes[0] !== 0x7b) return undefined;
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
