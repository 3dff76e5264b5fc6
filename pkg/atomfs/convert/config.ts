import { MosError } from '../../errors/index.ts';
import { type Descriptor, type Digest, isDigest, media, parseJson } from '../../oci/index.ts';
import { isAtomfsLayer } from '../layer.ts';

/** An image's config, as far as a conversion has to know it. Everything else stays as it is. */
export type ImageConfig = Readonly<Record<string, unknown>> & {
  readonly rootfs: Readonly<Record<string, unknown>> & { readonly diff_ids: readonly Digest[] };
};

/**
 * undefined where the config is of another type (an artifact, whose layers have no diff ids), and where no layer needs
 * a diff id because none is unpacked.
 */
export function parseImageConfig(
  bytes: Uint8Array,
  descriptor: Descriptor,
  layers: readonly Descriptor[],
): ImageConfig | undefined {
  if (descriptor.mediaType !== media.config && descriptor.mediaType !== media.dockerConfig) return undefined;
  if (layers.every(({ mediaType }) => isAtomfsLayer(mediaType))) return undefined;
  const what = `the config ${descriptor.digest}`;
  const config = parseJson(bytes, what) as Partial<ImageConfig> | null;
  const ids: unknown = config?.rootfs?.diff_ids;
  if (!Array.isArray(ids) || !ids.every(isDigest))
    throw new MosError('invalid', `cannot read ${what}: rootfs.diff_ids must be a list of digests`);
  if (ids.length !== layers.length)
    throw new MosError(
      'invalid',
      `cannot read ${what}: it has ${ids.length} diff ids for ${layers.length} layers`,
    );
  return config as ImageConfig;
}

/**
 * The config with other diff ids; history and all other fields stay. As stacker does, the diff id of a squashfs or
 * erofs layer is the digest of its blob: there is nothing to unpack.
 */
export const renderImageConfig = (config: ImageConfig, diffIds: readonly Digest[]): Uint8Array =>
  Buffer.from(JSON.stringify({ ...config, rootfs: { ...config.rootfs, diff_ids: diffIds } }));
