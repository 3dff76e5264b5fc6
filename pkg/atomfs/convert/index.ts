import type { Host } from '../../host/index.ts';
import type { ContentSource, ContentStore, Descriptor } from '../../oci/index.ts';
import type { Report } from '../../steps/index.ts';
import type { LayerFormat } from '../layer.ts';
import type { Platform } from './platform.ts';

export { chooseManifest, type Platform, parsePlatform, platformOf } from './platform.ts';

export type ConvertOptions = {
  /** A folder for what is unpacked; a folder of its own is made in it and removed. */
  readonly scratch: string;
  readonly format?: LayerFormat | undefined;
  /** Which image of an index; default this machine's. */
  readonly platform?: Platform | undefined;
  /** An image for another platform is refused, also where it is no choice of several. Default false: it is told. */
  readonly requirePlatform?: boolean;
  /** A folder that remembers what became of which layer; undefined: everything is made anew. */
  readonly cache?: string | undefined;
  /** False: what is known is used, and nothing new is written down. Default true. */
  readonly remember?: boolean;
  /** Bytes that one layer may have when it is unpacked. */
  readonly limit?: number | undefined;
  readonly report?: Report | undefined;
  readonly signal?: AbortSignal | undefined;
};

export const defaultFormat: LayerFormat = 'squashfs';

/** Larger than any layer that people make, small enough for a disk: what a decompression bomb ends at. */
export const defaultLimit = 64 * 1024 ** 3;

/**
 * Puts an image whose tar layers have become squashfs or erofs layers into the target; its descriptor there, without a
 * tag. An image all of whose layers can be mounted is copied as it is. The same image gives the same bytes.
 */
export async function convertImage(
  host: Host,
  source: ContentSource,
  root: Descriptor,
  target: ContentStore,
  options: ConvertOptions,
): Promise<Descriptor> {
  // Late: who mounts or checks layers needs none of it.
  const image = await import('./image.ts');
  return image.convertImage(host, source, root, target, options);
}
