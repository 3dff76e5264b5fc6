import { MosError } from '../../errors/index.ts';

/** RFC 8878 3.1.1: magic numbers, little endian; skippable frames have sixteen. */
const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;
const dictionarySizes = [0, 1, 2, 4] as const;
const contentSizes = [0, 2, 4, 8] as const;

/**
 * Cuts a zstd stream into its frames, skippable ones left out: Node unpacks only the first frame of a stream, Bun
 * takes a truncated frame and bytes behind the last one for good. pzstd and zstd:chunked write many frames.
 */
export class ZstdFrames {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterator<Uint8Array>) {
    this.#source = source;
  }

  /** The next frame's bytes, to be read to their end before the next call; undefined after the last frame. */
  async next(): Promise<AsyncGenerator<Buffer> | undefined> {
    for (;;) {
      if (this.#chunk.length === 0 && !(await this.#read())) return undefined;
      const magic = await this.#take(4);
      const value = magic.readUInt32LE(0);
      if (value === frameMagic) return this.#frame(magic);
      if ((value & 0xffff_fff0) >>> 0 !== skippableMagic)
        throw broken('there is something else than a frame');
      for await (const _ of this.#pass((await this.#take(4)).readUInt32LE(0)));
    }
  }

  /** RFC 8878 3.1.1.1 and 3.1.1.2: header, blocks until the one marked as last, checksum. */
  async *#frame(magic: Buffer): AsyncGenerator<Buffer> {
    yield magic;
    const descriptor = await this.#take(1);
    yield descriptor;
    const flags = descriptor.readUInt8(0);
    const isSingle = (flags & 0x20) !== 0;
    const contentSize = contentSizes[(flags >> 6) as 0 | 1 | 2 | 3];
    const rest =
      dictionarySizes[(flags & 3) as 0 | 1 | 2 | 3] + (isSingle ? contentSize || 1 : contentSize + 1);
    yield* this.#pass(rest);
    for (let isLast = false; !isLast; ) {
      const header = await this.#take(3);
      yield header;
      const bits = header.readUIntLE(0, 3);
      isLast = (bits & 1) === 1;
      const type = (bits >> 1) & 3;
      if (type === 3) throw broken('a block has an unknown type');
      yield* this.#pass(type === 1 ? 1 : bits >> 3);
    }
    if ((flags & 4) !== 0) yield* this.#pass(4);
  }

  async #read(): Promise<boolean> {
    for (;;) {
      const { value, done } = await this.#source.next();
      if (done) return false;
      this.#chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      if (this.#chunk.length > 0) return true;
    }
  }

  async *#pass(size: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0; ) {
      if (this.#chunk.length === 0 && !(await this.#read())) throw broken('it ends inside a frame');
      const piece = this.#chunk.subarray(0, left);
      this.#chunk = this.#chunk.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  async #take(size: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.#pass(size)) pieces.push(piece);
    return Buffer.concat(pieces);
  }
}

const broken = (why: string): MosError => new MosError('invalid', `cannot unpack the zstd stream: ${why}`);
