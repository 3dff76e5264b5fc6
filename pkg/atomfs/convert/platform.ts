import { MosError } from '../../errors/index.ts';
import {
  type ContentSource,
  type Descriptor,
  isIndexType,
  isManifestType,
  media,
  parseImageIndex,
  parseJson,
  readVerified,
} from '../../oci/index.ts';

/** As in OCI documents: `amd64`, `arm64`, … */
export type Platform = { readonly os: string; readonly architecture: string; readonly variant?: string };

/** Go's names, which OCI uses, for the machine's own. */
const architectures: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' };

export const platformOf = (architecture: string): Platform => ({
  os: 'linux',
  architecture: architectures[architecture] ?? architecture,
});

/** `linux/arm64` or `linux/arm/v7`. */
export function parsePlatform(text: string): Platform {
  const [os = '', architecture = '', variant, ...rest] = text.split('/');
  if (os === '' || architecture === '' || variant === '' || rest.length > 0)
    throw new MosError('usage', `cannot use ${JSON.stringify(text)} as a platform: the form is linux/arm64`);
  return variant === undefined ? { os, architecture } : { os, architecture, variant };
}

const renderPlatform = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');

/** An index may name another one (image-spec 1.1), but not for ever. */
const deepest = 4;

/** The image manifest that a name stands for: itself, or the one for the platform where it is an index. */
export async function chooseManifest(
  source: ContentSource,
  root: Descriptor,
  platform: Platform,
  depth = 0,
): Promise<Descriptor> {
  if (isManifestType(root.mediaType)) return root;
  if (!isIndexType(root.mediaType) || depth === deepest)
    throw new MosError('invalid', `cannot use ${root.digest} as an image: its type is ${root.mediaType}`);
  const index = parseImageIndex(await readVerified(root, source.open(root)), `the index ${root.digest}`);
  const images = index.manifests.filter(isImage);
  const chosen = bestOf(images, platform) ?? (images.length === 1 ? images[0] : undefined);
  if (chosen !== undefined && (chosen.platform === undefined || fits(chosen, platform)))
    return chooseManifest(source, chosen, platform, depth + 1);
  const known = images.flatMap((image) =>
    image.platform === undefined ? [] : [renderPlatform(toPlatform(image))],
  );
  throw new MosError(
    'not-found',
    `cannot find an image for ${renderPlatform(platform)} in the index ${root.digest}: it has ${known.join(', ') || 'none with a platform'}`,
    { hint: 'name one by its digest, or choose another one with --platform' },
  );
}

/** buildkit puts attestations beside the images, for a platform `unknown/unknown`. */
const isImage = ({ mediaType, platform }: Descriptor): boolean =>
  (isManifestType(mediaType) || isIndexType(mediaType)) && platform?.os !== 'unknown';

/** Without a wish for a variant the one without a variant is best, else the first. */
function bestOf(images: readonly Descriptor[], platform: Platform): Descriptor | undefined {
  const fitting = images.filter((image) => fits(image, platform));
  return fitting.find((image) => image.platform?.variant === platform.variant) ?? fitting[0];
}

const fits = (image: Descriptor, platform: Platform): boolean =>
  image.platform?.os === platform.os &&
  image.platform.architecture === platform.architecture &&
  (platform.variant === undefined || image.platform.variant === platform.variant);

/**
 * An image is for one platform, and its config says which; undefined where it is the one that is wanted, or where
 * nothing is said: by an artifact, or by data for all machines. The variant is a matter of the index.
 */
export function platformProblem(
  config: Uint8Array,
  { mediaType }: Descriptor,
  wanted: Platform,
  image: Descriptor,
): MosError | undefined {
  if (mediaType !== media.config && mediaType !== media.dockerConfig) return undefined;
  const { os, architecture } = (parseJson(config, `the config of ${image.digest}`) ??
    {}) as Partial<Platform>;
  if (!isSaid(os) || !isSaid(architecture)) return undefined;
  if (os === wanted.os && architecture === wanted.architecture) return undefined;
  const found = `${os}/${architecture}`.slice(0, 100);
  return new MosError(
    'not-found',
    `cannot find an image for ${renderPlatform(wanted)}: ${image.digest} is for ${found}`,
    { hint: `if that is what you want, say --platform ${found}` },
  );
}

const isSaid = (text: unknown): boolean => typeof text === 'string' && text !== '' && text !== 'unknown';

const toPlatform = ({ platform }: Descriptor): Platform => ({
  os: platform?.os ?? '',
  architecture: platform?.architecture ?? '',
  ...(platform?.variant === undefined ? {} : { variant: platform.variant }),
});
