import type { ContentSource, ContentStore, Descriptor } from '../../oci/index.ts';
import type { Inspected, Inspection } from '../inspection/index.ts';

/** Passes a layer that can be mounted on as it is, after a look at every byte. */
export async function copyLayer(
  source: ContentSource,
  target: ContentStore,
  layer: Descriptor,
  inspection: Inspection,
  signal: AbortSignal,
): Promise<void> {
  if (await target.has(layer)) return;
  let found: Inspected | undefined;
  const inspected = async function* (body: AsyncIterable<Uint8Array>, salt?: Uint8Array) {
    await using watch = await inspection.watch(layer, salt);
    for await (const chunk of body) {
      await watch.update(chunk);
      yield chunk;
    }
    found = await watch.end();
  };
  await target.put(layer, inspected(source.open(layer, { signal })));
  // Again where the tree has a salt of its own, which came after the data it is for.
  while (!found?.isChecked) for await (const _ of inspected(target.open(layer, { signal }), found?.salt));
}
