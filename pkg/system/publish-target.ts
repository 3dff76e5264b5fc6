import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { type ImportTarget, isBootTarget, type ServiceName } from '../manifest/index.ts';
import {
  type Descriptor,
  type Digest,
  digestHex,
  type ImageSource,
  parseImageManifest,
  parseReference,
  type Repository,
  readVerified,
} from '../oci/index.ts';
import type { Report } from '../steps/index.ts';
import { absoluteReference } from './absolute.ts';
import { CountingStore } from './counting-store.ts';
import { placeOf, type Repositories } from './places.ts';
import type { PublishOptions } from './publish.ts';

export type PublishedTarget = {
  readonly name: ServiceName;
  readonly version: string;
  readonly source: string;
  /** Of the image manifest that machines fetch. */
  readonly digest: Digest;
  readonly size: number;
  /** Of the manifest, its config and layers. */
  readonly bytes: number;
  /** It had plain tar layers, or was an index. */
  readonly converted: boolean;
  /** Bytes that were (would be) sent. */
  readonly sentBytes: number;
  readonly changed: boolean;
};

/** Brings the image of one target to `store` (undefined: a dry run that found no repository), converted where it must be. */
export async function publishTarget(
  host: Host,
  target: ImportTarget,
  store: Repository | undefined,
  repositories: Repositories,
  options: PublishOptions,
  report: Report,
): Promise<PublishedTarget> {
  const { source, found } = await resolveSource(target, repositories, options);
  const { convertImage, parsePlatform } = await import('../atomfs/index.ts');
  const counting = new CountingStore(store, options.dryRun ?? false);
  const { scratch, cache, format, platform } = options;
  await using _session = await counting.session();
  const root = await convertImage(host, source, found, counting, {
    scratch,
    report,
    ...(cache === undefined ? {} : { cache }),
    remember: options.dryRun !== true,
    platform: platform === undefined ? undefined : parsePlatform(platform),
    // Files for others may be for all machines, whatever made them says.
    requirePlatform: target.service_type !== 'fs-only' || isBootTarget(target),
    ...(format === undefined ? {} : { format }),
    ...(options.access.signal && { signal: options.access.signal }),
  });
  const tag = digestHex(root.digest);
  const isNamed = store !== undefined && (await hasTag(store, tag, root.digest));
  if (store !== undefined && !options.dryRun && !isNamed) await store.tag(root, tag);
  return {
    name: target.service_name,
    version: target.version,
    source: target.source,
    digest: root.digest,
    size: root.size,
    bytes: await sizeOf(counting, root),
    converted: root.digest !== found.digest,
    sentBytes: counting.sentBytes,
    changed: counting.sentBytes > 0 || !isNamed,
  };
}

/** The manifest or index at the source. What is signed later is what these bytes hash to. */
async function resolveSource(
  target: ImportTarget,
  repositories: Repositories,
  { cwd }: PublishOptions,
): Promise<{ source: ImageSource; found: Descriptor }> {
  const { place, repository, name } = placeOf(absoluteReference(parseReference(target.source), cwd));
  const source = await repositories.open(place, repository);
  const found = await source.resolve(name);
  for (const key of ['digest', 'size'] as const)
    if (target[key] !== undefined && target[key] !== found[key])
      throw new MosError(
        'untrusted',
        `cannot publish ${target.service_name}: ${target.source} has ${key} ${found[key]}, the import file says ${target[key]}`,
      );
  return { source, found };
}

async function hasTag(store: Repository, tag: string, digest: Digest): Promise<boolean> {
  try {
    return (await store.resolve(tag)).digest === digest;
  } catch (error) {
    if (error instanceof MosError && error.code === 'not-found') return false;
    throw error;
  }
}

async function sizeOf(store: CountingStore, root: Descriptor): Promise<number> {
  const { config, layers } = parseImageManifest(await readVerified(root, store.open(root)), root.digest);
  return [root, config, ...layers].reduce((sum, { size }) => sum + size, 0);
}
