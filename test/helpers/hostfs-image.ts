import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import type { ImageManifest } from '../../pkg/oci/index.ts';
import { imageOf, makeLayer } from './atomfs-image.ts';
import { convertedImage } from './converted-image.ts';
import { putImage } from './images.ts';

type Layers = Parameters<typeof imageOf>[0];

/** A hostfs of build/images with these files over it; returns its source. */
export async function hostfsWith(
  folder: string,
  name: string,
  files: Readonly<Record<string, string>>,
  base: Parameters<typeof convertedImage>[0] = { name: 'hostfs' },
): Promise<string> {
  const [, from = '', tag = ''] = (await convertedImage(base)).split(':');
  const layout = await openLayout(linuxHost, from);
  const blob = (digest: string) => readFileSync(join(from, 'blobs/sha256', digest.slice('sha256:'.length)));
  const { layers } = JSON.parse(blob((await layout.resolve(tag)).digest).toString()) as ImageManifest;
  const own = await makeLayer(files);
  const all = [...layers.map((descriptor) => ({ descriptor, bytes: blob(descriptor.digest) })), own];
  return putLayers(folder, name, all);
}

/** An image of layers, in a layout that others share; returns its source. */
export async function putLayers(folder: string, name: string, layers: Layers): Promise<string> {
  const images = resolve(folder, 'images');
  await putImage(await openLayout(linuxHost, images, { create: true }), imageOf(layers), name);
  return `oci:${images}:${name}`;
}
