import type { LayerInspector } from '../atomfs/index.ts';
import { MosError } from '../errors/index.ts';
import type { Descriptor, Digest, ImageSource, ReadOptions } from '../oci/index.ts';
import type { ImagePlan } from './images.ts';

export type CheckedSource = ImageSource & {
  /** The layer passed whole, and was what its descriptor says. */
  isChecked(layer: Descriptor): boolean;
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
  const checked = new Set<Digest>();
  async function* inspected(layer: Descriptor, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const inspector = inspectLayer(layer);
    for await (const chunk of body) {
      inspector.update(chunk);
      yield chunk;
    }
    // False: the tree has a salt of its own, which came after the data it is for.
    if (inspector.end()) checked.add(layer.digest);
  }
  /** Bytes that nobody has hashed yet: whether they are the right ones is said first, by whoever keeps them. */
  async function* observed(layer: Descriptor, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let inspector: LayerInspector | undefined = inspectLayer(layer);
    const look = (at: (one: LayerInspector) => void): void => {
      try {
        if (inspector) at(inspector);
      } catch (error) {
        if (!(error instanceof MosError)) throw error;
        inspector = undefined; // the import looks at all of the layer again, and tells
      }
    };
    for await (const chunk of body) {
      look((one) => one.update(chunk));
      yield chunk;
    }
    look((one) => {
      if (one.end()) checked.add(layer.digest);
    });
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
        return layer === undefined || start > 0 ? body : observed(layer, body);
      },
    }),
    isChecked: (layer) => checked.has(layer.digest),
  };
}
