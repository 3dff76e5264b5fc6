import type { Descriptor, Digest } from '../oci/index.ts';
import type { Document } from './manifests.ts';

const countLimit = 32;
const sizeLimit = 4 * 1024 * 1024;

/** Manifests that were read or put lately: what was resolved is opened next, what was put is tagged next. */
export class Documents {
  readonly #kept = new Map<Digest, Document>();

  keep(document: Document): Document {
    this.#kept.delete(document.descriptor.digest);
    this.#kept.set(document.descriptor.digest, document);
    for (const [digest] of this.#kept) {
      if (this.#kept.size <= countLimit && this.#size() <= sizeLimit) break;
      this.#kept.delete(digest);
    }
    return document;
  }

  find({ digest, size }: Descriptor): Uint8Array | undefined {
    const kept = this.#kept.get(digest);
    return kept?.descriptor.size === size ? kept.bytes : undefined;
  }

  #size(): number {
    return [...this.#kept.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  }
}
