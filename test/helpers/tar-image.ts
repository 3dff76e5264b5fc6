import { pack } from 'tar-stream';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import type { LayerFiles } from './atomfs-image.ts';
import { makeImage, putImage } from './images.ts';

/** A plain tar of these files, times and owners zero. */
export async function tarOf(files: LayerFiles): Promise<Uint8Array> {
  const stream = pack();
  for (const [name, data] of Object.entries(files))
    stream.entry(
      { name, mode: 0o644, mtime: new Date(0) },
      typeof data === 'string' ? data : Buffer.from(data),
    );
  stream.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** An ordinary OCI image, one tar layer per list of files, in a layout; returns its reference. */
export async function addTarImage(
  folder: string,
  tag: string,
  ...layers: readonly LayerFiles[]
): Promise<string> {
  const layout = await openLayout(linuxHost, folder, { create: true });
  await putImage(layout, makeImage(await Promise.all(layers.map(tarOf))), tag);
  return `oci:${folder}:${tag}`;
}
