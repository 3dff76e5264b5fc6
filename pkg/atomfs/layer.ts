import { MosError } from '../errors/index.ts';
import { annotationKeys, type Descriptor, media } from '../oci/index.ts';

/** The file systems a layer may hold. */
export type LayerFormat = 'squashfs' | 'erofs';

/** What a media type says, see FORMATS 7: `…squashfs+zstd+verity`. */
export type LayerType =
  | {
      readonly kind: 'atomfs';
      readonly format: LayerFormat;
      readonly compression: string;
      readonly verity: boolean;
    }
  /** Its bytes say whether they are compressed. */
  | { readonly kind: 'tar' };

const compressions: Readonly<Record<LayerFormat, readonly string[]>> = {
  squashfs: ['gzip', 'zstd'],
  erofs: ['lz4hc', 'lz4', 'zstd'],
};

const tarTypes: ReadonlySet<string> = new Set([
  media.layerTar,
  media.layerTarGzip,
  media.layerTarZstd,
  media.dockerLayerTar,
  media.dockerLayerGzip,
  // What buildkit writes with compression=zstd and oci-mediatypes=false.
  'application/vnd.docker.image.rootfs.diff.tar.zstd',
  // image-spec 1.1, "Non-Distributable Layers": deprecated, the bytes are the same.
  'application/vnd.oci.image.layer.nondistributable.v1.tar',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  // Docker's name for the same (distribution, "Image Manifest Version 2, Schema 2").
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
]);

const verityMark = 'verity';

/** Refuses what mos can neither mount nor convert with `unsupported`. */
export function parseLayerType(mediaType: string): LayerType {
  if (tarTypes.has(mediaType)) return { kind: 'tar' };
  for (const format of ['squashfs', 'erofs'] as const) {
    const prefix = format === 'squashfs' ? media.squashfsPrefix : media.erofsPrefix;
    if (!mediaType.startsWith(`${prefix}+`)) continue;
    const [name = '', mark, ...rest] = mediaType.slice(prefix.length + 1).split('+');
    if (!compressions[format].includes(name) || (mark ?? verityMark) !== verityMark || rest.length > 0) break;
    return { kind: 'atomfs', format, compression: name, verity: mark !== undefined };
  }
  throw new MosError('unsupported', `cannot use a layer of type ${JSON.stringify(mediaType.slice(0, 150))}`, {
    hint: 'known are tar layers and squashfs or erofs layers as stacker and mos make them',
  });
}

/** The media type of a layer with a verity tree. */
export const renderLayerType = (format: LayerFormat, compression: string): string =>
  `${format === 'squashfs' ? media.squashfsPrefix : media.erofsPrefix}+${compression}+${verityMark}`;

export const isAtomfsLayer = (mediaType: string): boolean =>
  mediaType.startsWith(media.squashfsPrefix) || mediaType.startsWith(media.erofsPrefix);

/**
 * The verity root hash of a layer in hex, under the old or the new key; undefined where it has none. Two keys with
 * different hashes, and a type that promises a tree without any hash, are refused.
 */
export function rootHashOf(descriptor: Descriptor): string | undefined {
  const old = descriptor.annotations?.[annotationKeys.verityRootSquashfs];
  const current = descriptor.annotations?.[annotationKeys.verityRoot];
  if (old !== undefined && current !== undefined && old !== current)
    throw bad(descriptor, 'its two verity root hash annotations differ');
  const root = current ?? old;
  if (root !== undefined && !/^[0-9a-f]{64}$/.test(root))
    throw bad(descriptor, 'its verity root hash is not 64 lower-case hex digits');
  if (root === undefined && descriptor.mediaType.endsWith(`+${verityMark}`))
    throw bad(descriptor, 'its type promises a verity tree, but it has no root hash annotation');
  return root;
}

const bad = (descriptor: Descriptor, why: string): MosError =>
  new MosError('invalid', `cannot use the layer ${descriptor.digest}: ${why}`);
