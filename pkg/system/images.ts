import { isMosError, MosError } from '../errors/index.ts';
import { folderOf, type Host } from '../host/index.ts';
import type { Layout } from '../layout/index.ts';
import type { InstallTarget } from '../manifest/index.ts';
import {
  annotationKeys,
  applyCopy,
  type CopyPlan,
  type Descriptor,
  type Digest,
  type ImageManifest,
  type ImageSource,
  isIndexType,
  isManifestType,
  media,
  parseImageManifest,
  planCopy,
  readVerified,
} from '../oci/index.ts';
import type { Report } from '../steps/index.ts';
import { type CheckedSource, checkedSource } from './checked-source.ts';
import type { MirroredSource } from './mirror/index.ts';

/** What one target needs in the store. */
export type ImagePlan = {
  readonly target: InstallTarget;
  readonly image: ImageManifest;
  readonly copy: CopyPlan;
};

/** All bytes of an import, each blob counted once. */
export type ImportBytes = {
  /** Of everything that the targets name. */
  readonly total: number;
  /** Of what the store lacks. */
  readonly missing: number;
  /** Of what is missing, left by an interrupted import. */
  readonly partial: number;
};

type Options = { readonly signal?: AbortSignal | undefined; readonly report: Report };

/** Reads the image manifests (verified by the digests of a signed manifest) and compares them with the store. */
export async function planImages(
  targets: readonly InstallTarget[],
  source: ImageSource,
  store: Layout | undefined,
  { signal }: Options,
): Promise<ImagePlan[]> {
  const { parseLayerType } = await import('../atomfs/index.ts');
  const local = localFirst(source, store);
  const plans: ImagePlan[] = [];
  for (const target of targets) {
    const { root, image } = await readImage(target, local);
    const copy = await about(target, 'use', async () => {
      for (const layer of image.layers) refuseTar(parseLayerType(layer.mediaType).kind);
      return planCopy(local, store ?? nothingThere, root, signal === undefined ? {} : { signal });
    });
    plans.push({ target, image, copy });
  }
  return plans;
}

/** The image manifest of a target; its bytes must be those that were signed. */
export async function readImage(
  target: InstallTarget,
  source: Pick<ImageSource, 'open'>,
): Promise<{ root: Descriptor; image: ImageManifest }> {
  const named: Descriptor = { mediaType: media.manifest, digest: target.digest, size: target.size };
  const bytes = await about(target, 'read', () => readVerified(named, source.open(named)));
  const what = `the image of ${target.service_name}`;
  const mediaType = mediaTypeOf(bytes);
  if (isIndexType(mediaType))
    throw new MosError('unsupported', `cannot use ${what}: ${target.digest} is an index of images`, {
      hint: 'sign the digest of the image for one platform; `mosb manifest publish` does',
    });
  return { root: { ...named, mediaType }, image: parseImageManifest(bytes, what) };
}

function mediaTypeOf(bytes: Uint8Array): string {
  try {
    const document = JSON.parse(new TextDecoder().decode(bytes)) as {
      mediaType?: unknown;
      manifests?: unknown;
    } | null;
    if (Array.isArray(document?.manifests)) return media.index;
    const type = document?.mediaType;
    return typeof type === 'string' && isManifestType(type) ? type : media.manifest;
  } catch {
    return media.manifest; // what it is then, parseImageManifest says
  }
}

function refuseTar(kind: 'atomfs' | 'tar'): void {
  if (kind === 'tar')
    throw new MosError('unsupported', 'cannot mount a plain tar layer', {
      hint: 'publish it with `mosb manifest publish`: that converts tar layers',
    });
}

/** Errors name the target whose image it is, and keep their code. */
export async function about<T>(
  { service_name }: InstallTarget,
  verb: string,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (!(cause instanceof MosError) || cause.code === 'interrupted') throw cause;
    throw new MosError(cause.code, `cannot ${verb} the image of ${service_name}`, { cause });
  }
}

/** Documents that the store has are not asked for again. */
export const localFirst = (source: ImageSource, store: Layout | undefined): ImageSource => {
  if (store === undefined) return source;
  const openRest = source.openRest?.bind(source);
  return {
    name: source.name,
    has: async (descriptor) => (await store.has(descriptor)) || source.has(descriptor),
    open: async function* (descriptor, options) {
      yield* (await store.has(descriptor))
        ? store.open(descriptor, options)
        : source.open(descriptor, options);
    },
    // What the store has whole is not asked for from its middle.
    ...(openRest && { openRest }),
    resolve: (name) => source.resolve(name),
    referrers: (subject, type) => source.referrers(subject, type),
  };
};

/** What is compared with before the store is made. */
const nothingThere = {
  has: async () => false,
  put: (): never => {
    throw new MosError('internal', 'cannot put into a store that was not made');
  },
  open: (): never => {
    throw new MosError('internal', 'cannot read from a store that was not made');
  },
};

export function bytesOf(plans: readonly ImagePlan[]): ImportBytes {
  const all = new Map<Digest, number>();
  const missing = new Map<Digest, number>();
  for (const { copy } of plans) {
    for (const descriptor of copy.present) all.set(descriptor.digest, descriptor.size);
    for (const { descriptor } of copy.missing) {
      all.set(descriptor.digest, descriptor.size);
      missing.set(descriptor.digest, descriptor.size);
    }
  }
  const sum = (sizes: Iterable<number>): number => [...sizes].reduce((total, size) => total + size, 0);
  // Two plans may both count a partial blob that they share; the space check then asks for a little less, never more than is there.
  const partial = Math.min(sum(missing.values()), Math.max(0, ...plans.map(({ copy }) => copy.partial)));
  return { total: sum(all.values()), missing: sum(missing.values()), partial };
}

/** What index.json, partial files' folders and git need beside the blobs, in bytes. */
const reserve = 16 * 1024 * 1024;

/**
 * Refuses to begin what can't end for lack of room, with the numbers. `freeable` says what `gc` would give back; it is
 * asked only then.
 */
export async function requireSpace(
  host: Host,
  folder: string,
  bytes: ImportBytes,
  freeable: () => Promise<number>,
): Promise<void> {
  if (bytes.missing === 0) return;
  const needed = bytes.missing - bytes.partial + reserve;
  const { free } = await host.files.space(await nearestFolder(host, folder));
  if (free >= needed) return;
  const collectable = await freeable();
  const isEnough = free + collectable >= needed;
  throw new MosError(
    'no-space',
    `cannot import the images: ${needed} bytes are needed in ${folder}, ${free} are free`,
    {
      hint: isEnough
        ? `mosctl gc would free ${collectable} bytes`
        : `make ${needed - free - collectable} bytes free; mosctl gc would free ${collectable} more`,
    },
  );
}

/** The folder itself, or the first one above it that is there. */
async function nearestFolder(host: Host, folder: string): Promise<string> {
  for (let at = folder; at !== '/'; at = folderOf(at))
    if ((await host.files.stat(at)) !== undefined) return at;
  return '/';
}

/** Fetches what the plan names; every layer is looked at while it passes, and visible only when all of it was right. */
export async function importImages(
  host: Host,
  plans: readonly ImagePlan[],
  source: ImageSource & Partial<MirroredSource>,
  store: Layout,
  { signal, report }: Options,
): Promise<void> {
  const { openInspection } = await import('../atomfs/index.ts');
  const missing = plans.flatMap(({ copy }) => copy.missing.map(({ descriptor }) => descriptor));
  await using inspection = openInspection(host, missing);
  const checking = checkedSource(localFirst(source, store), plans, inspection);
  const known = await checkedLayers(store);
  const run = (plan: ImagePlan) => importImage(host, plan, checking, known, store, { signal, report });
  for (const plan of plans)
    await about(plan.target, 'import', async () => {
      try {
        await run(plan);
      } catch (error) {
        // Whoever sent it: without the mirrors it is as if there were none.
        if (!isMosError(error, 'corrupt') || !source.leaveMirrors?.()) throw error;
        await run(plan);
      }
    });
}

/**
 * Layers of images that have their name: it is given when all layers were checked. What lies there without one came by
 * an import that was stopped or refused.
 */
async function checkedLayers(store: Layout): Promise<ReadonlySet<Digest>> {
  const found = new Set<Digest>();
  for (const entry of await store.descriptors()) {
    if (entry.annotations?.[annotationKeys.refName] === undefined || !(await store.has(entry))) continue;
    const { layers } = parseImageManifest(await store.read(entry), `the image ${entry.digest}`);
    for (const layer of layers) found.add(layer.digest);
  }
  return found;
}

async function importImage(
  host: Host,
  { target, image, copy }: ImagePlan,
  source: CheckedSource,
  known: ReadonlySet<Digest>,
  store: Layout,
  { signal, report }: Options,
): Promise<void> {
  const { checkLayer } = await import('../atomfs/index.ts');
  const cancel = signal === undefined ? {} : { signal };
  // What an image before this one brought is there by now.
  const now = await planCopy(source, store, copy.root, cancel);
  await applyCopy(source, store, now, { ...cancel, report, what: target.service_name });
  for (const layer of image.layers)
    await checkLayer(host, await store.blobFile(layer), layer, {
      full: !source.isChecked(layer) && !known.has(layer.digest),
    });
  await store.tag(copy.root, target.digest);
}
