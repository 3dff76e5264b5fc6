import { resolve } from 'node:path';
import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import type { ImportTarget, ServiceName } from '../manifest/index.ts';
import {
  copyGraph,
  type Descriptor,
  type Digest,
  digestHex,
  type ImageSource,
  isIndexType,
  parseImageManifest,
  parseReference,
  planCopy,
  type Repository,
  readVerified,
} from '../oci/index.ts';
import type { Report } from '../steps/index.ts';
import { placeOf, type Repositories, targetsRepository } from './places.ts';
import type { PublishOptions } from './publish.ts';

export type PublishedTarget = {
  readonly name: ServiceName;
  readonly version: string;
  readonly source: string;
  /** Of the image manifest that machines fetch. */
  readonly digest: Digest;
  readonly size: number;
  /** Of all layers and the config. */
  readonly bytes: number;
  readonly converted: boolean;
  /** Bytes that were (would be) sent. */
  readonly sentBytes: number;
  readonly changed: boolean;
};

/** Brings the image of one target to `store` (undefined: a dry run that found no repository). */
export async function publishTarget(
  _host: Host,
  target: ImportTarget,
  store: Repository | undefined,
  repositories: Repositories,
  options: PublishOptions,
  report: Report,
): Promise<PublishedTarget> {
  const { source, root } = await resolveSource(target, repositories, options);
  if (await isMountable(source, root)) return send(target, source, root, store, false, options, report);
  throw new MosError(
    'unsupported',
    `cannot publish ${target.service_name}: conversion comes with the next change`,
  );
}

/** The manifest or index at the source. What is signed later is what these bytes hash to. */
async function resolveSource(
  target: ImportTarget,
  repositories: Repositories,
  { cwd }: PublishOptions,
): Promise<{ source: ImageSource; root: Descriptor }> {
  const reference = parseReference(target.source);
  const { place, repository, name } = placeOf(absolute(reference, cwd));
  const source = await repositories.open(place, repository);
  const root = await source.resolve(name);
  for (const key of ['digest', 'size'] as const)
    if (target[key] !== undefined && target[key] !== root[key])
      throw new MosError(
        'untrusted',
        `cannot publish ${target.service_name}: ${target.source} has ${key} ${root[key]}, the import file says ${target[key]}`,
      );
  return { source, root };
}

function absolute<R extends ReturnType<typeof parseReference>>(reference: R, cwd: string): R {
  if (reference.kind === 'oci') return { ...reference, folder: resolve(cwd, reference.folder) };
  return reference.kind === 'zot' ? { ...reference, root: resolve(cwd, reference.root) } : reference;
}

/** True where every layer can be mounted as it is. */
async function isMountable(source: ImageSource, root: Descriptor): Promise<boolean> {
  if (isIndexType(root.mediaType)) return false;
  const { isAtomfsLayer } = await import('../atomfs/index.ts');
  const manifest = parseImageManifest(await readVerified(root, source.open(root)), root.digest);
  return manifest.layers.every((layer) => isAtomfsLayer(layer.mediaType));
}

async function send(
  target: ImportTarget,
  source: ImageSource,
  root: Descriptor,
  store: Repository | undefined,
  converted: boolean,
  options: PublishOptions,
  report: Report,
): Promise<PublishedTarget> {
  const copying = {
    report,
    what: target.service_name,
    ...(options.access.signal && { signal: options.access.signal }),
  };
  const plan = await planCopy(source, store ?? emptyStore, root, copying);
  const tag = digestHex(root.digest);
  const isNamed = store !== undefined && (await hasTag(store, tag, root.digest));
  if (store !== undefined && !options.dryRun && !isNamed)
    await copyGraph(source, store, root, { ...copying, tag, mountFrom: targetsRepository });
  return {
    name: target.service_name,
    version: target.version,
    source: target.source,
    digest: root.digest,
    size: root.size,
    bytes: plan.total,
    converted,
    sentBytes: plan.bytes,
    changed: plan.missing.length > 0 || !isNamed,
  };
}

async function hasTag(store: Repository, tag: string, digest: Digest): Promise<boolean> {
  try {
    return (await store.resolve(tag)).digest === digest;
  } catch (error) {
    if (error instanceof MosError && error.code === 'not-found') return false;
    throw error;
  }
}

/** What a dry run compares with where there is no repository yet. */
const emptyStore = {
  has: async () => false,
  open: (): never => {
    throw new MosError('internal', 'cannot read from a repository that is not there');
  },
  put: async (): Promise<never> => {
    throw new MosError('internal', 'cannot write in a dry run');
  },
};
