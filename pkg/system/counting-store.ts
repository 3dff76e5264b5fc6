import { MosError } from '../errors/index.ts';
import {
  type ContentStore,
  type Descriptor,
  type Digest,
  isDocument,
  type Repository,
} from '../oci/index.ts';

/** Counts what is put into a repository. In a dry run, and where there is no repository, bytes are thrown away. */
export class CountingStore implements ContentStore {
  readonly #store: Repository | undefined;
  readonly #isDry: boolean;
  /** What a dry run would have put; documents with their bytes, to be read again. */
  readonly #put = new Map<Digest, Uint8Array | undefined>();
  #sentBytes = 0;

  constructor(store: Repository | undefined, isDry: boolean) {
    this.#store = store;
    this.#isDry = isDry || store === undefined;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  async has(descriptor: Descriptor): Promise<boolean> {
    return this.#put.has(descriptor.digest) || ((await this.#store?.has(descriptor)) ?? false);
  }

  open(descriptor: Descriptor): AsyncIterable<Uint8Array> {
    const bytes = this.#put.get(descriptor.digest);
    if (bytes !== undefined) return once(bytes);
    if (this.#store !== undefined) return this.#store.open(descriptor);
    throw new MosError('internal', `cannot read ${descriptor.digest} of a dry run`);
  }

  async put(descriptor: Descriptor, body: AsyncIterable<Uint8Array>): Promise<void> {
    const isThere = await this.has(descriptor);
    if (!isThere) this.#sentBytes += descriptor.size;
    if (!this.#isDry) return this.#store?.put(descriptor, body);
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) if (isDocument(descriptor)) chunks.push(chunk);
    if (!isThere)
      this.#put.set(descriptor.digest, isDocument(descriptor) ? Buffer.concat(chunks) : undefined);
  }

  /** Nothing is kept for a dry run. */
  async session(): Promise<AsyncDisposable> {
    const open = this.#isDry ? undefined : await this.#store?.session?.();
    return open ?? { [Symbol.asyncDispose]: async () => {} };
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
