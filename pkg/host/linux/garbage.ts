/** Bun's collector; Node's looks at the memory of chunks itself. */
type Runtime = { readonly Bun?: { gc(now: true): unknown } };

/** A short transfer ends before it is worth a collection. */
const firstStep = 128 * 1024 * 1024;
const step = 48 * 1024 * 1024;

/** A program that uses no more than this while it writes needs none: the chunks it was lent are gone already. */
const frugal = 100 * 1024 * 1024;

/**
 * Chunks of a long transfer lie outside of the heap, and Bun lets 40 MiB of them gather before it collects: peak memory
 * then grows with the size of what is written. A collection every 48 MiB keeps it flat; each takes 20 ms of processor time.
 */
export class ChunkGarbage {
  readonly #memory: () => number;
  #next: number;

  /** `memory` of the program, in bytes. */
  constructor(start: number, memory: () => number = () => process.memoryUsage.rss()) {
    this.#memory = memory;
    this.#next = start + firstStep;
  }

  /** The file has `size` bytes now. */
  passed(size: number): void {
    if (size < this.#next) return;
    this.#next = size + step;
    if (this.#memory() > frugal) (globalThis as Runtime).Bun?.gc(true);
  }
}
