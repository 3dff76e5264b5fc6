import { type Descriptor, digestOf, media, type Repository } from '../../pkg/oci/index.ts';

/** Content in memory, for tests. */
export type Content = { readonly descriptor: Descriptor; readonly bytes: Uint8Array };

export const content = (mediaType: string, data: string | Uint8Array | object): Content => {
  const bytes =
    data instanceof Uint8Array ? data : Buffer.from(typeof data === 'string' ? data : JSON.stringify(data));
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
};

export async function* chunks(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export type Image = {
  readonly root: Descriptor;
  readonly manifest: Content;
  readonly config: Content;
  readonly layers: readonly Content[];
};

/** An image whose layers have these bytes; nothing is stored yet. */
export function makeImage(layers: readonly (string | Uint8Array)[], extra: object = {}): Image {
  const blobs = layers.map((layer) => content(media.layerTar, layer));
  const config = content(media.config, {
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: blobs.map(({ descriptor }) => descriptor.digest) },
  });
  const manifest = content(media.manifest, {
    schemaVersion: 2,
    mediaType: media.manifest,
    config: config.descriptor,
    layers: blobs.map(({ descriptor }) => descriptor),
    ...extra,
  });
  return { root: manifest.descriptor, manifest, config, layers: blobs };
}

/** Puts an image, layers first, and gives it a name. */
export async function putImage(target: Repository, image: Image, name?: string): Promise<Descriptor> {
  for (const { descriptor, bytes } of [...image.layers, image.config, image.manifest])
    await target.put(descriptor, chunks(bytes));
  if (name !== undefined) await target.tag(image.root, name);
  return image.root;
}

/** An artifact that refers to a subject, as signatures and certificates do (FORMATS 4). */
export function makeReferrer(subject: Descriptor, artifactType: string, data: string): Image {
  const config = content(media.empty, '{}');
  const layer = content(media.layerTar, data);
  const { mediaType, digest, size } = subject;
  const manifest = content(media.manifest, {
    schemaVersion: 2,
    mediaType: media.manifest,
    artifactType,
    config: config.descriptor,
    layers: [layer.descriptor],
    subject: { mediaType, digest, size },
  });
  return { root: manifest.descriptor, manifest, config, layers: [layer] };
}
