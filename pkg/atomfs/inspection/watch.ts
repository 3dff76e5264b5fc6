import { MosError } from '../../errors/index.ts';
import type { Thread } from '../../host/index.ts';
import type { Descriptor } from '../../oci/index.ts';
import { inspectLayer } from '../check.ts';
import type { FromThread, Inspected } from './messages.ts';

/** A look at the bytes of one layer while they pass. Ends with `await using`, also where they do not come to their end. */
export interface LayerWatch extends AsyncDisposable {
  /**
   * The next bytes, free to be used again when it returns; a promise where they must wait. Throws when something is wrong,
   * which may have been in earlier ones.
   */
  update(chunk: Uint8Array): Promise<void> | undefined;
  /** After the last byte. */
  end(): Promise<Inspected>;
}

/** In this thread. */
export function watchHere(descriptor: Descriptor, salt: Uint8Array): LayerWatch {
  const inspector = inspectLayer(descriptor, salt);
  return {
    update: (chunk) => void inspector.update(chunk),
    end: async () => ({ isChecked: inspector.end(), salt: inspector.salt }),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Bytes are gathered in so many pieces of shared memory of this size: handed over, they would be garbage of both threads. */
const pieces = 4;
const pieceSize = 512 * 1024;

/** In the other thread, a few pieces behind. */
export class RemoteWatch implements LayerWatch {
  readonly #thread: Thread;
  readonly #layer: number;
  readonly #forget: () => void;
  readonly #memory = new SharedArrayBuffer(pieces * pieceSize);
  /** Offsets of pieces that the thread does not look at. */
  readonly #free = Array.from({ length: pieces }, (_, index) => index * pieceSize);
  #piece: Uint8Array | undefined;
  #used = 0;
  #done: Inspected | undefined;
  #failure: { readonly error: unknown } | undefined;
  #wake: () => void = () => {};

  constructor(thread: Thread, layer: number, descriptor: Descriptor, salt: Uint8Array, forget: () => void) {
    this.#thread = thread;
    this.#layer = layer;
    this.#forget = forget;
    thread.send({ kind: 'begin', layer, descriptor, salt, memory: this.#memory });
  }

  update(chunk: Uint8Array): Promise<void> | undefined {
    const rest = this.#gather(chunk);
    return rest.length === 0 ? undefined : this.#waitAndGather(rest);
  }

  async end(): Promise<Inspected> {
    this.#flush();
    this.#thread.send({ kind: 'end', layer: this.#layer });
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#done !== undefined) return this.#done;
      await this.#news();
    }
  }

  /** What the thread says of this layer. */
  take(message: FromThread): void {
    if (message.kind === 'free') this.#free.push(message.offset);
    else if (message.kind === 'done') this.#done = message;
    else this.fail(new MosError(message.code, message.message, hintOf(message.hint)));
    this.#wake();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#forget();
    if (this.#done === undefined) this.#thread.send({ kind: 'drop', layer: this.#layer });
  }

  /** Copies what there is memory for; returns the rest. */
  #gather(chunk: Uint8Array): Uint8Array {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#failure !== undefined) throw this.#failure.error;
      this.#piece ??= this.#next();
      if (this.#piece === undefined) return rest;
      const part = rest.subarray(0, pieceSize - this.#used);
      this.#piece.set(part, this.#used);
      this.#used += part.length;
      rest = rest.subarray(part.length);
      if (this.#used === pieceSize) this.#flush();
    }
    return rest;
  }

  async #waitAndGather(chunk: Uint8Array): Promise<void> {
    for (let rest = chunk; rest.length > 0; rest = this.#gather(rest)) await this.#news();
  }

  #next(): Uint8Array | undefined {
    const offset = this.#free.pop();
    return offset === undefined ? undefined : new Uint8Array(this.#memory, offset, pieceSize);
  }

  #flush(): void {
    const offset = this.#piece?.byteOffset;
    if (offset !== undefined && this.#used > 0)
      this.#thread.send({ kind: 'bytes', layer: this.#layer, offset, length: this.#used });
    this.#piece = undefined;
    this.#used = 0;
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

const hintOf = (hint: string | undefined) => (hint === undefined ? {} : { hint });
