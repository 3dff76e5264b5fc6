import { blockSize } from './filesystem.ts';
import { blockHasher, hashSize } from './verity.ts';

/** Takes each finished block of a level, in the order of the file. The memory is used again: copy or hash it at once. */
export type TreeSink = (level: number, block: Uint8Array) => void;

/**
 * Computes a verity tree while the data passes by: one block of memory per level, whatever the size of the data.
 * Data comes in any pieces; its whole length is a multiple of 4096.
 */
export class VerityTree {
  readonly #hash: (block: Uint8Array) => Uint8Array;
  readonly #sink: TreeSink;
  readonly #levels: { block: Uint8Array; used: number }[] = [];
  readonly #carry = new Uint8Array(blockSize);
  #carried = 0;
  #blocks = 0;
  #only: Uint8Array = new Uint8Array(hashSize);

  constructor(salt: Uint8Array, sink: TreeSink) {
    this.#hash = blockHasher(salt);
    this.#sink = sink;
  }

  update(bytes: Uint8Array): void {
    let from = 0;
    if (this.#carried > 0) {
      from = Math.min(blockSize - this.#carried, bytes.length);
      this.#carry.set(bytes.subarray(0, from), this.#carried);
      this.#carried += from;
      if (this.#carried < blockSize) return;
      this.#addBlock(this.#carry);
      this.#carried = 0;
    }
    for (; from + blockSize <= bytes.length; from += blockSize)
      this.#addBlock(bytes.subarray(from, from + blockSize));
    if (from < bytes.length) {
      this.#carry.set(bytes.subarray(from));
      this.#carried = bytes.length - from;
    }
  }

  /** Ends the tree; the root hash. */
  end(): Uint8Array {
    if (this.#carried > 0) throw new Error('the data of a verity tree does not end with a block');
    for (let level = 0; level < this.#levels.length; level++) {
      const hash = this.#close(level);
      if (level === this.#levels.length - 1) return hash;
      this.#addHash(level + 1, hash);
    }
    return this.#only;
  }

  #addBlock(block: Uint8Array): void {
    const hash = this.#hash(block);
    this.#blocks++;
    if (this.#blocks === 1) this.#only = hash;
    else {
      if (this.#blocks === 2) this.#addHash(0, this.#only);
      this.#addHash(0, hash);
    }
  }

  /** A full block is closed only when one more hash comes: then there is a level above it. */
  #addHash(level: number, hash: Uint8Array): void {
    this.#levels[level] ??= { block: new Uint8Array(blockSize), used: 0 };
    const open = this.#levels[level];
    if (open.used === blockSize) {
      this.#addHash(level + 1, this.#close(level));
      open.block.fill(0);
      open.used = 0;
    }
    open.block.set(hash, open.used);
    open.used += hashSize;
  }

  #close(level: number): Uint8Array {
    const block = this.#levels[level]?.block ?? new Uint8Array(blockSize);
    this.#sink(level, block);
    return this.#hash(block);
  }
}
