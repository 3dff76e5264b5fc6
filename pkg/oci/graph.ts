import { MosError } from '../errors/index.ts';
import type { Descriptor } from './descriptor.ts';
import { type ImageIndex, type ImageManifest, parseImageIndex, parseImageManifest } from './documents.ts';
import { isIndexType, isManifestType } from './media.ts';

/** A manifest or index: what names other content. */
export const isDocument = (descriptor: Descriptor): boolean =>
  isManifestType(descriptor.mediaType) || isIndexType(descriptor.mediaType);

/** What a manifest (config, layers) or an index (manifests) names directly, in its order; the subject isn't a child. */
export function childrenOf(descriptor: Descriptor, bytes: Uint8Array): readonly Descriptor[] {
  if (isIndexType(descriptor.mediaType))
    return parseImageIndex(bytes, `the index ${descriptor.digest}`).manifests;
  const { config, layers } = parseImageManifest(bytes, `the manifest ${descriptor.digest}`);
  return [config, ...layers];
}

/** A manifest or index by its media type. */
export const parseManifestOrIndex = (
  descriptor: Descriptor,
  bytes: Uint8Array,
): ImageManifest | ImageIndex =>
  isIndexType(descriptor.mediaType)
    ? parseImageIndex(bytes, `the index ${descriptor.digest}`)
    : parseImageManifest(bytes, `the manifest ${descriptor.digest}`);

/** Bounds of a graph, far above real ones: a hostile one must not fill the memory. */
const depthLimit = 16;
const nodeLimit = 20_000;
const bytesLimit = 64 * 1024 * 1024;

export type GraphNode = {
  readonly descriptor: Descriptor;
  /** Of documents only. */
  readonly bytes?: Uint8Array;
};

/**
 * Everything reachable from the roots, each digest once, children before what names them. `read` gives a document's
 * verified bytes; undefined leaves its children out.
 */
export async function walkGraph(
  roots: readonly Descriptor[],
  read: (document: Descriptor) => Promise<Uint8Array | undefined>,
): Promise<GraphNode[]> {
  const seen = new Map<string, Descriptor>();
  const found: GraphNode[] = [];
  let held = 0;
  const visit = async (descriptor: Descriptor, depth: number): Promise<void> => {
    const before = seen.get(descriptor.digest);
    if (before !== undefined && before.size !== descriptor.size)
      throw bad(descriptor, `it is named with ${before.size} and with ${descriptor.size} bytes`);
    if (before !== undefined) return;
    seen.set(descriptor.digest, descriptor);
    if (depth > depthLimit) throw bad(descriptor, `indexes are nested more than ${depthLimit} deep`);
    if (seen.size > nodeLimit) throw bad(descriptor, `more than ${nodeLimit} parts`);
    if (!isDocument(descriptor)) return void found.push({ descriptor });
    const bytes = await read(descriptor);
    held += bytes?.length ?? 0;
    if (held > bytesLimit) throw bad(descriptor, `its documents have more than ${bytesLimit} bytes`);
    if (bytes === undefined) return void found.push({ descriptor });
    for (const child of childrenOf(descriptor, bytes)) await visit(child, depth + 1);
    found.push({ descriptor, bytes });
  };
  for (const root of roots) await visit(root, 0);
  return found;
}

const bad = (descriptor: Descriptor, why: string): MosError =>
  new MosError('invalid', `cannot follow ${descriptor.digest}: ${why}`);
