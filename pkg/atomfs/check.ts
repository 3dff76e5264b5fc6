import type { Host } from '../host/index.ts';
import { type Descriptor, verifiedBody } from '../oci/index.ts';
import { readFrame, subjectOf } from './frame.ts';
import { Inspector, type LayerInspector } from './inspector.ts';
import { veritySalt } from './verity.ts';

/** An inspector for one layer; refuses a type that can't be mounted at once. */
export const inspectLayer = (descriptor: Descriptor, salt: Uint8Array = veritySalt): LayerInspector =>
  new Inspector(subjectOf(descriptor), salt);

/** Bytes. */
export const hashedAtOnce = 1024 * 1024;

/**
 * Checks a layer's file. `full` reads all of it, its digest included; without it superblocks, sizes and the top of
 * the tree are compared: what dm-verity needs to find every later change.
 */
export async function checkLayer(
  host: Host,
  file: string,
  descriptor: Descriptor,
  options: { readonly full: boolean },
): Promise<void> {
  const { verity } = await readFrame(host, file, descriptor);
  if (!options.full) return;
  const inspector = inspectLayer(descriptor, verity?.salt);
  const body = host.files.stream(file, { reuse: hashedAtOnce });
  for await (const chunk of verifiedBody(descriptor, body)) inspector.update(chunk);
  inspector.end();
}
