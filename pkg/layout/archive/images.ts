import { createHash } from 'node:crypto';
import { MosError } from '../../errors/index.ts';
import {
  type Descriptor,
  type Digest,
  digestFromHex,
  digestOf,
  isDigest,
  media,
  tarCompressionOf,
  tarMagicSize,
} from '../../oci/index.ts';
import { type Archive, badArchive, memberOf, readBytes, readMember } from './members.ts';
import type { TarMember } from './tar.ts';

/** Where the bytes of a digest are: in the archive, or made here. */
export type Place = Pick<TarMember, 'offset' | 'size'> | { readonly bytes: Uint8Array };

/** An image in an archive, its names as `repository:tag`, and where its parts are. */
export type ArchivedImage = {
  readonly descriptor: Descriptor;
  readonly names: readonly string[];
  readonly places: ReadonlyMap<Digest, Place>;
};

/** One entry of manifest.json, as `docker save` writes it since version 1.10. */
type Entry = {
  readonly Config: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers: readonly string[];
};

export async function readImages(archive: Archive): Promise<ArchivedImage[]> {
  if (!archive.members.has('manifest.json') && archive.members.has('oci-layout'))
    throw new MosError('unsupported', `cannot read the archive ${archive.path}: it holds an OCI layout`, {
      hint: 'unpack it with tar into a folder and name that: oci:DIR:TAG',
    });
  const images: ArchivedImage[] = [];
  for (const entry of parseManifestJson(archive, await readMember(archive, 'manifest.json')))
    images.push(await readImage(archive, entry));
  return images;
}

function parseManifestJson({ path }: Archive, bytes: Uint8Array): readonly Entry[] {
  const value = parseJson(path, 'manifest.json', bytes);
  if (!Array.isArray(value) || !value.every(isEntry))
    throw badArchive(path, 'manifest.json is no list of images with Config, RepoTags and Layers');
  return value;
}

function isEntry(entry: Partial<Entry> | null): entry is Entry {
  if (typeof entry !== 'object' || entry === null) return false;
  return typeof entry.Config === 'string' && isTexts(entry.Layers) && isTexts(entry.RepoTags ?? []);
}

const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((text) => typeof text === 'string');

function parseJson(path: string, name: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw badArchive(path, `${name} is not JSON`, cause);
  }
}

/** Makes the OCI manifest that the archive lacks; the config is one already, layers stay as they are. */
async function readImage(archive: Archive, entry: Entry): Promise<ArchivedImage> {
  const places = new Map<Digest, Place>();
  const config = await readMember(archive, entry.Config);
  const ids = diffIds(archive, entry, config);
  const layers: Descriptor[] = [];
  for (const [i, name] of entry.Layers.entries()) {
    const member = memberOf(archive, name);
    const layer = await describeLayer(archive, member, ids[i] as Digest);
    places.set(layer.digest, member);
    layers.push(layer);
  }
  const made = (mediaType: string, bytes: Uint8Array): Descriptor => {
    const digest = digestOf(bytes);
    places.set(digest, { bytes });
    return { mediaType, digest, size: bytes.length };
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: media.manifest,
    config: made(media.config, config),
    layers,
  };
  const descriptor = made(media.manifest, Buffer.from(JSON.stringify(manifest)));
  return { descriptor, names: entry.RepoTags ?? [], places };
}

/** The digests of the unpacked layers, one for each (image-spec 1.1, "Image Configuration", rootfs). */
function diffIds({ path }: Archive, { Config, Layers }: Entry, config: Uint8Array): readonly Digest[] {
  const name = Config.slice(0, 200);
  const parsed = parseJson(path, name, config) as { rootfs?: { diff_ids?: unknown } } | null;
  const ids = parsed?.rootfs?.diff_ids;
  if (!Array.isArray(ids) || !ids.every(isDigest) || ids.length !== Layers.length)
    throw badArchive(path, `${name} does not name the digests of its ${Layers.length} layers`);
  return ids;
}

/** A plain tar has the digest that the config says; a packed one, as crane and newer docker write, is hashed. */
async function describeLayer(archive: Archive, member: TarMember, diffId: Digest): Promise<Descriptor> {
  const { offset, size } = member;
  const packed = tarCompressionOf(await readBytes(archive, offset, Math.min(tarMagicSize, size)));
  if (packed === undefined) return { mediaType: media.layerTar, digest: diffId, size };
  const hasher = createHash('sha256');
  const { host, path } = archive;
  for await (const chunk of host.files.stream(path, { start: offset, end: offset + size }))
    hasher.update(chunk);
  const mediaType = packed === 'gzip' ? media.layerTarGzip : media.layerTarZstd;
  return { mediaType, digest: digestFromHex(hasher.digest('hex')), size };
}
