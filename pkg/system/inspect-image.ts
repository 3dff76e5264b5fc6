import type { Host } from '../host/index.ts';
import {
  type Descriptor,
  type ImageManifest,
  type ImageSource,
  isIndexType,
  parseImageIndex,
  parseImageManifest,
  type Reference,
  readVerified,
  renderReference,
} from '../oci/index.ts';
import { openRepositories, placeOf, type RegistryAccess } from './places.ts';

export type InspectedLayer = {
  readonly digest: string;
  readonly size: number;
  readonly mediaType: string;
  /** squashfs, erofs or tar; null where it is of no kind that mos knows. */
  readonly format: string | null;
  /** Hex; null where the layer has no verity tree. */
  readonly verityRoot: string | null;
};

export type InspectedImage = {
  readonly reference: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
  /** Of an index: the images it names, by platform. */
  readonly images: readonly { readonly platform: string; readonly digest: string }[];
  readonly layers: readonly InspectedLayer[];
  /** From the config: what runs, and as whom. */
  readonly platform: string | null;
  readonly command: readonly string[];
  readonly user: string | null;
};

/** What an image consists of; only its documents are read. */
export async function inspectImage(
  host: Host,
  reference: Reference,
  access: RegistryAccess,
): Promise<InspectedImage> {
  const { place, repository, name } = placeOf(reference);
  await using repositories = openRepositories(host, access);
  const source = await repositories.open(place, repository);
  const root = await source.resolve(name);
  const bytes = await readVerified(root, source.open(root));
  const shown = renderReference(reference);
  const head = { reference: shown, digest: root.digest, mediaType: root.mediaType, size: root.size };
  if (isIndexType(root.mediaType)) {
    const images = parseImageIndex(bytes, shown).manifests.map((one) => ({
      platform: platformOf(one.platform),
      digest: one.digest,
    }));
    return { ...head, images, layers: [], platform: null, command: [], user: null };
  }
  const image = parseImageManifest(bytes, shown);
  return { ...head, images: [], layers: await layersOf(image), ...(await configOf(source, image)) };
}

const platformOf = (platform: Descriptor['platform']): string =>
  platform === undefined
    ? 'any'
    : [platform.os, platform.architecture, ...(platform.variant ? [platform.variant] : [])].join('/');

async function layersOf(image: ImageManifest): Promise<InspectedLayer[]> {
  const { parseLayerType, rootHashOf } = await import('../atomfs/index.ts');
  const formatOf = (layer: Descriptor): string | null => {
    try {
      const type = parseLayerType(layer.mediaType);
      return type.kind === 'tar' ? 'tar' : type.format;
    } catch {
      return null;
    }
  };
  return image.layers.map((layer) => ({
    digest: layer.digest,
    size: layer.size,
    mediaType: layer.mediaType,
    format: formatOf(layer),
    verityRoot: rootHashOf(layer) ?? null,
  }));
}

type Config = {
  readonly architecture?: unknown;
  readonly os?: unknown;
  readonly config?: { readonly Entrypoint?: unknown; readonly Cmd?: unknown; readonly User?: unknown } | null;
};

async function configOf(
  source: ImageSource,
  image: ImageManifest,
): Promise<Pick<InspectedImage, 'platform' | 'command' | 'user'>> {
  let config: Config | null;
  try {
    config = JSON.parse(
      new TextDecoder().decode(await readVerified(image.config, source.open(image.config))),
    );
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    config = null; // an artifact may have any config
  }
  const words = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
  const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
  const isNamed = isText(config?.os) && isText(config?.architecture);
  return {
    platform: isNamed ? `${config?.os}/${config?.architecture}` : null,
    command: [...words(config?.config?.Entrypoint), ...words(config?.config?.Cmd)],
    user: typeof config?.config?.User === 'string' && config.config.User !== '' ? config.config.User : null,
  };
}
