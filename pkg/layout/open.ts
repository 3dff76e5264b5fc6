import { isMosError, MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { type Descriptor, verifiedBody } from '../oci/index.ts';
import { blobBytes, blobFile, blobSize, readBlob } from './blobs.ts';
import {
  blobPath,
  checkLayout,
  createLayout,
  type LayoutFolder,
  lockWait,
  makeDurableFolder,
  prepareForWriting,
  sessionLockPath,
} from './folder.ts';
import { collectGarbage } from './gc.ts';
import { hasHashed } from './hashed.ts';
import { readIndexFile } from './index-file.ts';
import { sweepLeftovers } from './leftovers.ts';
import { partialSize } from './partial.ts';
import { linkBlob, type Opener, putBlob } from './put.ts';
import { rebuildIndex } from './rebuild.ts';
import { findReferrers } from './referrers.ts';
import { namesOf, resolveName } from './resolve.ts';
import { requireSpace } from './space.ts';
import { isListed, listReferrer, tagManifest, untagManifest } from './tag.ts';
import type { Layout } from './types.ts';
import { verifyLayout } from './verify.ts';

export type OpenLayoutOptions = {
  /** Makes the layout where there is none. */
  readonly create?: boolean;
  /** Its name in messages; default the folder. */
  readonly name?: string;
  /** Who holds the locks, for the message to others; default `mos`. */
  readonly owner?: string;
};

/** Opens an OCI image layout. Nothing is written before the first `put` or `tag`, unless it has to be created. */
export const openLayout = async (
  host: Host,
  folder: string,
  options: OpenLayoutOptions = {},
): Promise<Layout> => layoutAt(await openFolder(host, folder, options));

export async function openFolder(
  host: Host,
  folder: string,
  { create = false, name = folder, owner = 'mos' }: OpenLayoutOptions,
): Promise<LayoutFolder> {
  if (!folder.startsWith('/'))
    throw new MosError('usage', `cannot open the layout ${folder}: the path must be absolute`);
  const at = { host, folder: await realFolder(host, folder, create), name, owner };
  if (create) await createLayout(at);
  await checkLayout(at);
  return at;
}

async function realFolder(host: Host, folder: string, create: boolean): Promise<string> {
  if (create) await makeDurableFolder(host, folder);
  try {
    return await host.files.realPath(folder);
  } catch (cause) {
    if (!isMosError(cause, 'not-found')) throw cause;
    throw new MosError('not-found', `cannot open the layout ${folder}: there is no such folder`);
  }
}

/** True where a folder holds a layout. */
export const isLayout = async (host: Host, folder: string): Promise<boolean> =>
  (await host.files.stat(`${folder}/oci-layout`))?.type === 'file';

export function layoutAt(at: LayoutFolder): Layout {
  let prepared: Promise<void> | undefined;
  const writing = (): Promise<void> => {
    prepared ??= prepareForWriting(at).then(() => sweepLeftovers(at));
    prepared.catch(() => {
      prepared = undefined;
    });
    return prepared;
  };
  const put = async (descriptor: Descriptor, open: Opener, resume: boolean): Promise<void> => {
    await writing();
    await putBlob(at, descriptor, open, { resume });
    await listReferrer(at, descriptor);
  };
  return {
    name: at.name,
    folder: at.folder,
    has: async (descriptor) => (await hasHashed(at, descriptor)) && isListed(at, descriptor),
    open: (descriptor, { signal } = {}) => verifiedBody(descriptor, blobBytes(at, descriptor, 0, { signal })),
    openRest: (descriptor, start, options) => blobBytes(at, descriptor, start, options),
    put: async (descriptor, body) => {
      await put(descriptor, () => body, false);
      // A body that wasn't needed may hold a connection open.
      await body[Symbol.asyncIterator]().return?.();
    },
    putFrom: (descriptor, open) => put(descriptor, open, true),
    mountFrom: async (descriptor, from) => {
      const sibling = await at.sibling?.(from);
      if (sibling === undefined) return false;
      await writing();
      return linkBlob(at, sibling, descriptor);
    },
    partialSize: (descriptor) => partialSize(at, descriptor),
    requireSpace: (need) => requireSpace(at, need),
    session: async () => {
      await writing();
      return at.host.files.lock(sessionLockPath(at), { wait: lockWait, owner: at.owner, shared: true });
    },
    blobFile: (descriptor) => blobFile(at, descriptor),
    findBlob: async (digest) => {
      const size = await blobSize(at, digest);
      return size === undefined ? undefined : { path: blobPath(at, digest), size };
    },
    read: (descriptor) => readBlob(at, descriptor),
    resolve: (wanted) => resolveName(at, wanted),
    referrers: (subject, artifactType) => findReferrers(at, subject, artifactType),
    descriptors: async () => (await readIndexFile(at)).manifests,
    tags: async () => namesOf((await readIndexFile(at)).manifests),
    tag: async (descriptor, wanted) => {
      await writing();
      await tagManifest(at, descriptor, wanted);
    },
    untag: async (wanted) => {
      await writing();
      await untagManifest(at, wanted);
    },
    gc: async (options = {}) => {
      if (!options.dryRun) await writing();
      return collectGarbage(at, options);
    },
    verify: (options = {}) => verifyLayout(at, options),
    rebuildIndex: async (options = {}) => {
      await writing();
      return rebuildIndex(at, options);
    },
  };
}
