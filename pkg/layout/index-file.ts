import { MosError } from '../errors/index.ts';
import { writeAtomic } from '../host/index.ts';
import { annotationKeys, type Descriptor, documentLimit, isDigest, media } from '../oci/index.ts';
import { blobsPath, indexLockPath, indexPath, type LayoutFolder, lockWait, readSmall } from './folder.ts';

/** index.json: what we know of it, and the rest as it was, for other programs. */
export type IndexFile = {
  readonly manifests: readonly Descriptor[];
  readonly rest: Readonly<Record<string, unknown>>;
};

export const refNameOf = (descriptor: Descriptor): string | undefined =>
  descriptor.annotations?.[annotationKeys.refName];

/**
 * Names an image may have in a layout: tags, digests, and whole references as skopeo and podman write them. No
 * component begins with a dot, so that a name never means another folder.
 */
const refNamePattern = /^[A-Za-z0-9_][A-Za-z0-9._:@+-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._:@+-]*)*$/;
export const isRefName = (text: string): boolean => text.length <= 255 && refNamePattern.test(text);

export async function readIndexFile(at: LayoutFolder): Promise<IndexFile> {
  const path = indexPath(at);
  return parseIndexFile(await readSmall(at.host, path, documentLimit), path);
}

/** Strict in what is used, tolerant in the rest (image-spec 1.1, "Image Index"). */
export function parseIndexFile(bytes: Uint8Array, path: string): IndexFile {
  const wrong = (where: string, why: string, cause?: unknown): MosError =>
    new MosError('invalid', `cannot read ${path}: ${where}: ${why}`, cause === undefined ? {} : { cause });
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw wrong('the document', 'it is not JSON', cause);
  }
  if (!isObject(value)) throw wrong('the document', 'it must be an object');
  const { manifests, ...rest } = value;
  if (rest.schemaVersion !== 2) throw wrong('schemaVersion', 'must be 2');
  if (rest.mediaType !== undefined && rest.mediaType !== media.index)
    throw wrong('mediaType', `must be ${media.index}`);
  // Programs written in Go write an empty list as null.
  if (manifests !== null && !Array.isArray(manifests)) throw wrong('manifests', 'must be a list');
  for (const [i, entry] of (manifests ?? []).entries()) {
    const problem = problemOf(entry);
    if (problem !== undefined) throw wrong(`manifests.${i}${problem[0]}`, problem[1]);
  }
  return { manifests: manifests ?? [], rest };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function problemOf(entry: unknown): readonly [string, string] | undefined {
  if (!isObject(entry)) return ['', 'must be an object'];
  if (typeof entry.mediaType !== 'string') return ['.mediaType', 'must be text'];
  if (!isDigest(entry.digest)) return ['.digest', 'must be sha256: and 64 lower-case hex digits'];
  if (!Number.isSafeInteger(entry.size) || (entry.size as number) < 0)
    return ['.size', 'must be a number of bytes'];
  if (entry.artifactType !== undefined && typeof entry.artifactType !== 'string')
    return ['.artifactType', 'must be text'];
  const { annotations } = entry;
  if (annotations === undefined || annotations === null) return undefined;
  if (!isObject(annotations) || Object.values(annotations).some((text) => typeof text !== 'string'))
    return ['.annotations', 'must be texts by name'];
  const name = annotations[annotationKeys.refName];
  if (name !== undefined && !isRefName(name as string))
    return [`.annotations.${annotationKeys.refName}`, `${JSON.stringify(name).slice(0, 100)} is no name`];
  return undefined;
}

/** Compact, keys in the order they came; `manifests` last. */
export const renderIndexFile = (index: IndexFile): string =>
  `${JSON.stringify({ ...index.rest, manifests: index.manifests })}\n`;

/**
 * Changes index.json under its lock, so that two writers never lose each other's entries. Blobs are durable before
 * the index that names them: each was synced when it was put, here their names are.
 */
export async function updateIndexFile(
  at: LayoutFolder,
  change: (manifests: readonly Descriptor[]) => readonly Descriptor[] | Promise<readonly Descriptor[]>,
): Promise<void> {
  await using _lock = await lockIndex(at);
  const index = await readIndexFile(at);
  const manifests = await change(index.manifests);
  await writeIndexFile(at, index, { ...index, manifests });
}

export const lockIndex = (at: LayoutFolder): Promise<AsyncDisposable> =>
  at.host.files.lock(indexLockPath(at), { wait: lockWait, owner: at.owner });

/** Only with the lock held. */
export async function writeIndexFile(
  at: LayoutFolder,
  old: IndexFile | undefined,
  index: IndexFile,
): Promise<void> {
  await at.host.files.syncFolder(blobsPath(at));
  const text = renderIndexFile(index);
  // The same again: whoever wrote it may have been stopped before the name was durable.
  if (old !== undefined && renderIndexFile(old) === text) await at.host.files.syncFolder(at.folder);
  else await writeAtomic(at.host, indexPath(at), text);
}
