import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import { digestOf } from '../../pkg/oci/index.ts';
import { describeBootFile, inBootkit } from '../../pkg/system/bootkit/contents.ts';
import { imageOf, type LayerFiles, makeLayer } from './atomfs-image.ts';
import { putImage } from './images.ts';

/** A bootkit with any bytes as its boot file, as an image in a layout; returns the source for an import file. */
export async function addBootkit(
  layout: string,
  tag: string,
  bootFile: Uint8Array,
  files: LayerFiles = {},
): Promise<string> {
  const layer = await makeLayer({ [inBootkit.bootFile]: bootFile, [inBootkit.loader]: 'loader', ...files });
  const digest = digestOf(bootFile);
  const annotations = describeBootFile({ digest, bytes: bootFile.length, buildId: digest.slice(7) });
  const made = imageOf([layer], {}, annotations);
  await putImage(await openLayout(linuxHost, layout, { create: true }), made, tag);
  return `oci:${layout}:${tag}`;
}
