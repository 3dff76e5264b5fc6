import { createHash } from 'node:crypto';
import { blockSize, superblockSpan } from './filesystem.ts';
import { bad, checkFileSystem, checkRoot, checkVeritySuperblock, type Subject } from './frame.ts';
import { VerityTree } from './tree.ts';
import { planVerity } from './verity.ts';

/**
 * Looks at a layer's bytes while they pass, in order from the first one, and compares them with its descriptor:
 * superblock, sizes, verity superblock, the tree against the root hash, the data against the tree. Memory stays flat.
 * That the bytes have the digest of the descriptor is checked by somebody else.
 */
export interface LayerInspector {
  /** Throws as soon as something is wrong. */
  update(chunk: Uint8Array): void;
  /**
   * After the last byte. False: the tree has a salt of its own, which lies behind the data it is for; all must be read
   * again, by `checkLayer` or by an inspector with that `salt`.
   */
  end(): boolean;
  /** Of the tree, after its end. */
  readonly salt: Uint8Array;
}

/** A part of the file, from where the last one ended to before `until`. */
type Region = { readonly until: number; take(bytes: Uint8Array): void };

export class Inspector implements LayerInspector {
  readonly #subject: Subject;
  /** What the tree is computed with. */
  readonly #salt: Uint8Array;
  #found: Uint8Array;
  readonly #regions: Region[] = [];
  readonly #finish: (() => void)[] = [];
  #position = 0;

  constructor(subject: Subject, salt: Uint8Array) {
    this.#subject = subject;
    this.#salt = salt;
    this.#found = salt;
    this.#collect(0, Math.min(superblockSpan, subject.descriptor.size), (head) => this.#begin(head));
  }

  update(chunk: Uint8Array): void {
    for (let from = 0; from < chunk.length; ) {
      const region = this.#regions[0];
      if (region === undefined) throw bad(this.#subject, 'there are bytes behind its end');
      const piece = chunk.subarray(from, from + region.until - this.#position);
      this.#position += piece.length;
      from += piece.length;
      if (this.#position === region.until) this.#regions.shift();
      region.take(piece);
    }
  }

  end(): boolean {
    if (this.#regions.length > 0)
      throw bad(this.#subject, `it ends after ${this.#position} of ${this.#subject.descriptor.size} bytes`);
    if (!Buffer.from(this.#found).equals(this.#salt)) return false;
    for (const finish of this.#finish) finish();
    return true;
  }

  get salt(): Uint8Array {
    return this.#found;
  }

  #collect(from: number, until: number, use: (bytes: Uint8Array) => void): void {
    const bytes = new Uint8Array(until - from);
    let done = 0;
    this.#regions.push({
      until,
      take: (piece) => {
        bytes.set(piece, done);
        done += piece.length;
        if (done === bytes.length) use(bytes);
      },
    });
  }

  /** The first block is there: it says where everything else must lie. */
  #begin(head: Uint8Array): void {
    const { descriptor, root } = this.#subject;
    const fileSystem = checkFileSystem(head, this.#subject);
    if (root === undefined) {
      if (head.length < descriptor.size) this.#regions.push({ until: descriptor.size, take: () => {} });
      return;
    }
    const plan = planVerity(fileSystem.size);
    const hashers = plan.levels.map(() => createHash('sha256'));
    const tree = new VerityTree(this.#salt, (level, block) => hashers[level]?.update(block));
    const take = (bytes: Uint8Array) => tree.update(bytes);
    take(head);
    if (head.length < plan.hashOffset) this.#regions.push({ until: plan.hashOffset, take });
    this.#collect(plan.hashOffset, plan.hashOffset + blockSize, (block) => {
      this.#found = checkVeritySuperblock(block, plan.dataBlocks, this.#subject).salt;
    });
    this.#finish.push(() => checkRoot(tree.end(), this.#subject));
    for (const [level, { offset, blocks }] of [...plan.levels.entries()].reverse()) {
      const found = createHash('sha256');
      this.#regions.push({ until: offset + blocks * blockSize, take: (bytes) => found.update(bytes) });
      this.#finish.push(() => {
        if (!found.digest().equals(hashers[level]?.digest() ?? Buffer.alloc(0)))
          throw bad(this.#subject, `level ${level} of its verity tree is not that of its data`);
      });
    }
  }
}
