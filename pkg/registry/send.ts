import { checkBody, type Descriptor, verifiedBody } from '../oci/index.ts';

/** What is to be sent. `open` gives the bytes from `start` on, not yet verified; `isOnce`: it can be opened only once. */
export type Content = {
  readonly isOnce: boolean;
  open(start: number): AsyncIterable<Uint8Array>;
};

/** A generator gives itself when it is iterated: it can't begin again. */
export const contentOf = (body: AsyncIterable<Uint8Array>): Content => ({
  isOnce: (body as Partial<AsyncGenerator>)[Symbol.asyncIterator]?.() === body,
  open: () => body,
});

/**
 * All bytes, verified, and the last chunk only after the check: wrong bytes never make a complete request, so a registry can't
 * store them whatever it checks itself.
 */
export async function* whole(
  descriptor: Descriptor,
  content: Content,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* heldBack(verifiedBody(descriptor, content.open(0)));
}

async function* heldBack(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let last: Uint8Array | undefined;
  for await (const chunk of body) {
    if (last !== undefined) yield last;
    last = chunk;
  }
  if (last !== undefined) yield last;
}

/** A body read in pieces of a given size, checked as a whole. */
export class Pieces {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #check;
  #rest: Uint8Array | undefined;

  constructor(descriptor: Descriptor, body: AsyncIterable<Uint8Array>) {
    this.#chunks = body[Symbol.asyncIterator]();
    this.#check = checkBody(descriptor);
  }

  /** The next `size` bytes; with `isLast`, the check of the whole comes before its last chunk. */
  async *take(size: number, isLast: boolean): AsyncGenerator<Uint8Array, void, undefined> {
    const bytes = this.#bytes(size, isLast);
    yield* isLast ? heldBack(bytes) : bytes;
  }

  async *#bytes(size: number, isLast: boolean): AsyncGenerator<Uint8Array, void, undefined> {
    let left = size;
    while (left > 0) {
      const chunk = this.#rest ?? (await this.#next());
      if (chunk === undefined) break;
      this.#rest = chunk.length > left ? chunk.subarray(left) : undefined;
      const own = chunk.subarray(0, left);
      left -= own.length;
      yield own;
    }
    if (!isLast && left === 0) return;
    // One more read finds bytes too many.
    while ((await this.#next()) !== undefined);
    this.#check.end();
  }

  async #next(): Promise<Uint8Array | undefined> {
    const { value, done } = await this.#chunks.next();
    if (done) return undefined;
    this.#check.add(value);
    return value;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
