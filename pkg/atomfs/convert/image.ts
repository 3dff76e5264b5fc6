import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import {
  type ContentSource,
  type ContentStore,
  type Descriptor,
  digestOf,
  type ImageManifest,
  media,
  parseImageManifest,
  readVerified,
  runPool,
} from '../../oci/index.ts';
import { openInspection } from '../inspection/index.ts';
import { isAtomfsLayer, parseLayerType } from '../layer.ts';
import { ConversionCache } from './cache.ts';
import { type ImageConfig, parseImageConfig, renderImageConfig } from './config.ts';
import { type ConvertOptions, defaultFormat, defaultLimit } from './index.ts';
import { LayerConverter } from './layers.ts';
import { chooseManifest, platformOf, platformProblem } from './platform.ts';
import { makeScratch } from './scratch.ts';

/** One is fetched or hashed while the builder of another has the processors. */
const layersAtOnce = 2;

/** See `convertImage` of the index. */
export async function convertImage(
  host: Host,
  source: ContentSource,
  root: Descriptor,
  target: ContentStore,
  options: ConvertOptions,
): Promise<Descriptor> {
  const image = await readImage(host, source, root, options);
  await using _session = await target.session?.();
  // The bytes of an image that needs no conversion stay the same, so its digest does too.
  const isKept =
    image.type === media.manifest && image.manifest.layers.every(({ mediaType }) => isAtomfsLayer(mediaType));
  const { config } = image.manifest;
  const [layers] = await together([
    convertLayers(host, source, target, image, options),
    isKept ? putDocument(target, config.mediaType, image.configBytes) : undefined,
  ]);
  return isKept ? putDocument(target, image.type, image.bytes) : writeImage(target, image, layers);
}

/** All of them, and the first failure only when the others have ended too. */
async function together<T extends readonly unknown[]>(
  works: readonly [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(works);
  return Promise.all(works);
}

type Image = {
  readonly type: string;
  readonly bytes: Uint8Array;
  readonly manifest: ImageManifest;
  readonly configBytes: Uint8Array;
  readonly config: ImageConfig | undefined;
};

/** The documents of the image for the platform; refuses layers that can neither be mounted nor converted. */
async function readImage(
  host: Host,
  source: ContentSource,
  root: Descriptor,
  options: ConvertOptions,
): Promise<Image> {
  const platform = options.platform ?? platformOf(host.machine.architecture);
  const chosen = await chooseManifest(source, root, platform);
  const bytes = await readVerified(chosen, source.open(chosen, options));
  const manifest = parseImageManifest(bytes, `the manifest ${chosen.digest}`);
  if (manifest.layers.length === 0)
    throw new MosError('invalid', `cannot convert the image ${chosen.digest}: it has no layers`);
  for (const layer of manifest.layers) parseLayerType(layer.mediaType);
  const configBytes = await readVerified(manifest.config, source.open(manifest.config, options));
  const config = parseImageConfig(configBytes, manifest.config, manifest.layers);
  const problem = platformProblem(configBytes, manifest.config, platform, chosen);
  if (problem !== undefined && options.requirePlatform) throw problem;
  if (problem !== undefined) options.report?.({ kind: 'note', text: `warning: ${problem.message}` });
  return { type: chosen.mediaType, bytes, manifest, configBytes, config };
}

async function convertLayers(
  host: Host,
  source: ContentSource,
  target: ContentStore,
  { manifest, config }: Image,
  options: ConvertOptions,
): Promise<Descriptor[]> {
  await using scratch = await makeScratch(host, options.scratch);
  await using inspection = openInspection(host);
  const converter = new LayerConverter({
    host,
    source,
    target,
    format: options.format ?? defaultFormat,
    cache: new ConversionCache(host, options.cache, (text) => options.report?.({ kind: 'note', text })),
    remember: options.remember ?? true,
    scratch: scratch.path,
    limit: options.limit ?? defaultLimit,
    inspection,
    report: options.report ?? (() => {}),
    layers: manifest.layers,
    diffIds: config?.rootfs.diff_ids,
  });
  const made: Descriptor[] = [];
  await runPool(
    [...manifest.layers.keys()],
    layersAtOnce,
    async (index, signal) => {
      made[index] = await converter.convert(index, signal);
    },
    options.signal,
  );
  return made;
}

async function writeImage(
  target: ContentStore,
  image: Image,
  layers: readonly Descriptor[],
): Promise<Descriptor> {
  const { manifest, config } = image;
  const diffIds = layers.map(({ digest }, i) =>
    digest === manifest.layers[i]?.digest ? (config?.rootfs.diff_ids[i] ?? digest) : digest,
  );
  const bytes = config === undefined ? image.configBytes : renderImageConfig(config, diffIds);
  const { mediaType } = manifest.config;
  const type = mediaType === media.dockerConfig ? media.config : mediaType;
  const newConfig = await putDocument(target, type, bytes);
  return putDocument(target, media.manifest, renderManifest(manifest, newConfig, layers));
}

/** An OCI manifest whatever the source was. A subject is not taken over: the new image is no answer to it. */
function renderManifest(old: ImageManifest, config: Descriptor, layers: readonly Descriptor[]): Uint8Array {
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: media.manifest,
    ...(old.artifactType === undefined ? {} : { artifactType: old.artifactType }),
    config,
    layers,
    ...(old.annotations === undefined ? {} : { annotations: old.annotations }),
  };
  return Buffer.from(JSON.stringify(manifest));
}

async function putDocument(target: ContentStore, mediaType: string, bytes: Uint8Array): Promise<Descriptor> {
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  if (!(await target.has(descriptor)))
    await target.put(
      descriptor,
      (async function* () {
        yield bytes;
      })(),
    );
  return descriptor;
}
