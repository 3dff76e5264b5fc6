import { MosError } from '../../errors/index.ts';
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
  const openRest = source.openRest?.bind(source);
  if (target.putFrom === undefined || openRest === undefined)
    await target.put(layer, inspected(source.open(layer, { signal })));
  else
    await target.putFrom(layer, (start, how) => {
      const body = openRest(layer, start, { ...how, signal });
      return start > 0 ? body : reasoned(inspected(body), () => source.open(layer, { signal }));
    });
  // Again where the tree has a salt of its own, which came after the data it is for, or not all bytes passed.
  while (!found?.isChecked) for await (const _ of inspected(target.open(layer, { signal }), found?.salt));
}

/** Bytes that are not hashed yet: wrong ones make a better reason than what they did to the tree. */
async function* reasoned(
  body: AsyncIterable<Uint8Array>,
  verified: () => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    if (error instanceof MosError && reasonsOfLayers.has(error.code)) for await (const _ of verified());
    throw error;
  }
}

const reasonsOfLayers: ReadonlySet<string> = new Set(['invalid', 'untrusted', 'unsupported']);
