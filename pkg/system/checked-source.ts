import type { Descriptor, Digest, ImageSource, ReadOptions } from '../oci/index.ts';
import type { ImagePlan } from './images.ts';

export type CheckedSource = ImageSource & {
  /** A layer that came in pieces: its beginning was fetched by a run before. */
  isUnchecked(layer: Descriptor): boolean;
};

/**
 * A source whose layers are compared with their verity trees while they pass, so that a layer is read once. What is
 * wrong ends the transfer before the blob becomes visible.
 */
export async function checkedSource(
  source: ImageSource,
  plans: readonly ImagePlan[],
): Promise<CheckedSource> {
  const { inspectLayer } = await import('../atomfs/index.ts');
  const layers = new Map<Digest, Descriptor>(
    plans.flatMap(({ image }) => image.layers.map((layer) => [layer.digest, layer] as const)),
  );
  const unchecked = new Set<Digest>();
  async function* inspected(layer: Descriptor, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const inspector = inspectLayer(layer);
    for await (const chunk of body) {
      inspector.update(chunk);
      yield chunk;
    }
    if (!inspector.end()) unchecked.add(layer.digest);
  }
  const openRest = source.openRest?.bind(source);
  return {
    name: source.name,
    has: (descriptor) => source.has(descriptor),
    resolve: (name) => source.resolve(name),
    referrers: (subject, type) => source.referrers(subject, type),
    open(descriptor, options) {
      const layer = layers.get(descriptor.digest);
      const body = source.open(descriptor, options);
      return layer === undefined ? body : inspected(layer, body);
    },
    ...(openRest && {
      openRest(descriptor: Descriptor, start: number, options?: ReadOptions) {
        const layer = layers.get(descriptor.digest);
        const body = openRest(descriptor, start, options);
        if (layer === undefined) return body;
        if (start === 0) return inspected(layer, body);
        unchecked.add(layer.digest);
        return body;
      },
    }),
    isUnchecked: (layer) => unchecked.has(layer.digest),
  };
}
