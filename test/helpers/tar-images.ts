import { hash } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { linuxHost as host } from '../../pkg/host/linux/index.ts';
import { type Layout, openLayout } from '../../pkg/layout/index.ts';
import { type ContentStore, type Descriptor, digestFromHex, digestOf, media } from '../../pkg/oci/index.ts';

export type MadeLayer = { readonly bytes: Buffer; readonly mediaType: string; readonly diffId: string };

const sha = (bytes: Buffer): string => `sha256:${hash('sha256', bytes)}`;
export const plainLayer = (tar: Buffer): MadeLayer => ({
  bytes: tar,
  mediaType: media.layerTar,
  diffId: sha(tar),
});
export const gzipLayer = (tar: Buffer): MadeLayer => ({
  bytes: gzipSync(tar),
  mediaType: media.layerTarGzip,
  diffId: sha(tar),
});
export const zstdLayer = (tar: Buffer): MadeLayer => ({
  bytes: zstdCompressSync(tar),
  mediaType: media.layerTarZstd,
  diffId: sha(tar),
});

export const emptyLayout = (folder: string): Promise<Layout> => openLayout(host, folder, { create: true });

export async function putBytes(
  target: ContentStore,
  mediaType: string,
  bytes: Uint8Array,
): Promise<Descriptor> {
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  await target.put(
    descriptor,
    (async function* () {
      yield bytes;
    })(),
  );
  return descriptor;
}

export const putJson = (target: ContentStore, mediaType: string, value: unknown): Promise<Descriptor> =>
  putBytes(target, mediaType, Buffer.from(JSON.stringify(value)));

export type ImageExtras = {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly diffIds?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly docker?: boolean;
};

/** Puts an image of the layers; its descriptor. */
export async function putImage(
  target: ContentStore,
  layers: readonly MadeLayer[],
  extras: ImageExtras = {},
): Promise<Descriptor> {
  const descriptors: Descriptor[] = [];
  for (const { bytes, mediaType } of layers) descriptors.push(await putBytes(target, mediaType, bytes));
  const diffIds = extras.diffIds ?? layers.map(({ diffId }) => diffId);
  const rootfs = { type: 'layers', diff_ids: diffIds };
  const types = extras.docker
    ? { config: media.dockerConfig, manifest: media.dockerManifest }
    : { config: media.config, manifest: media.manifest };
  const config = { architecture: 'amd64', os: 'linux', ...extras.config, rootfs };
  return putJson(target, types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: await putJson(target, types.config, config),
    layers: descriptors,
    ...(extras.annotations === undefined ? {} : { annotations: extras.annotations }),
  });
}

export async function readJson(source: ContentStore, descriptor: Descriptor): Promise<Record<string, never>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.open(descriptor)) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

export const fakeDigest = (text: string) => digestFromHex(hash('sha256', text));
