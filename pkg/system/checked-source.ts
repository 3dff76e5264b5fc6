import type { Inspection } from '../atomfs/index.ts';
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
export function checkedSource(
  source: ImageSource,
  plans: readonly ImagePlan[],
  inspection: Inspection,
): CheckedSource {
  const layers = new Map<Digest, Descriptor>(
    plans.flatMap(({ image }) => image.layers.map((layer) => [layer.digest, layer] as const)),
  );
  const checked = new Set<Digest>();
  async function* inspected(layer: Descriptor, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    await using watch = await inspection.watch(layer);
    for await (const chunk of body) {
      await watch.update(chunk);
      yield chunk;
    }
    // Not where the tree has a salt of its own, which came after the data it is for.
    if ((await watch.end()).isChecked) checked.add(layer.digest);
  }
  /** Bytes that nobody has hashed yet: whether they are the right ones is said first, by whoever keeps them. */
  async function* observed(layer: Descriptor, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    await using watch = await inspection.watch(layer);
    let isRight = true;
    const look = async (at: () => Promise<unknown> | undefined): Promise<void> => {
      try {
        if (isRight) await at();
      } catch (error) {
        if (!(error instanceof MosError)) throw error;
        isRight = false; // the import looks at all of the layer again, and tells
      }
    };
    for await (const chunk of body) {
      await look(() => watch.update(chunk));
      yield chunk;
    }
    await look(async () => {
      if ((await watch.end()).isChecked) checked.add(layer.digest);
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
