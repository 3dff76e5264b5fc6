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
  /** What the store said it has: who copies asks, and so does `put`. */
  readonly #has = new Map<Digest, Promise<boolean>>();
  #sentBytes = 0;

  constructor(store: Repository | undefined, isDry: boolean) {
    this.#store = store;
    this.#isDry = isDry || store === undefined;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  async has(descriptor: Descriptor): Promise<boolean> {
    if (this.#put.has(descriptor.digest)) return true;
    const known = this.#has.get(descriptor.digest) ?? this.#store?.has(descriptor);
    if (known !== undefined) this.#has.set(descriptor.digest, known);
    return (await known) ?? false;
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
    if (!this.#isDry) return this.#keep(descriptor, this.#store?.put(descriptor, body));
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) if (isDocument(descriptor)) chunks.push(chunk);
    if (!isThere)
      this.#put.set(descriptor.digest, isDocument(descriptor) ? Buffer.concat(chunks) : undefined);
  }

  async putFrom(descriptor: Descriptor, open: (start: number) => AsyncIterable<Uint8Array>): Promise<void> {
    const { putFrom } = this.#store ?? {};
    if (this.#isDry || putFrom === undefined) return this.put(descriptor, open(0));
    if (!(await this.has(descriptor))) this.#sentBytes += descriptor.size;
    await this.#keep(descriptor, putFrom.call(this.#store, descriptor, open));
  }

  async #keep(descriptor: Descriptor, put: Promise<void> | undefined): Promise<void> {
    await put;
    this.#has.set(descriptor.digest, Promise.resolve(true));
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
