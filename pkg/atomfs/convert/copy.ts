import type { ContentSource, ContentStore, Descriptor } from '../../oci/index.ts';
import { inspectLayer } from '../check.ts';
import type { LayerInspector } from '../inspector.ts';

/** Passes a layer that can be mounted on as it is, after a look at every byte. */
export async function copyLayer(
  source: ContentSource,
  target: ContentStore,
  layer: Descriptor,
  signal: AbortSignal,
): Promise<void> {
  if (await target.has(layer)) return;
  const first = new Watch(layer);
  await target.put(layer, first.pass(source.open(layer, { signal })));
  if (first.isChecked) return;
  const second = new Watch(layer, first.salt);
  for await (const _ of second.pass(target.open(layer, { signal })));
}

class Watch {
  readonly #inspector: LayerInspector;
  isChecked = false;

  constructor(layer: Descriptor, salt?: Uint8Array) {
    this.#inspector = inspectLayer(layer, salt);
  }

  get salt(): Uint8Array {
    return this.#inspector.salt;
  }

  async *pass(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      this.#inspector.update(chunk);
      yield chunk;
    }
    this.isChecked = this.#inspector.end();
  }
}
