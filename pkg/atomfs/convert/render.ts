import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import type { Inode } from './node.ts';
import type { TarRecord } from './records.ts';
import { padded } from './tar/entry.ts';
import { endBlocks, renderEntry } from './tar/writer.ts';

const pieceSize = 1024 * 1024;

/**
 * The tar that a file system builder reads: headers of our own, content from the archive in scratch (or from one of
 * `others`, by the number of their layer), holes of sparse files as zeros (both builders find them again; sqfstar reads
 * behind its own map otherwise). Pieces of 1 MiB.
 */
export async function* renderTar(
  host: Host,
  archive: string,
  records: readonly TarRecord[],
  others: ReadonlyMap<number, string>,
): AsyncGenerator<Buffer, void, undefined> {
  const source = new Cursor(host.files.stream(archive)[Symbol.asyncIterator](), archive);
  const sourceOf = ({ layer }: Inode): Source => {
    const other = others.get(layer);
    return other === undefined ? source : fileSource(host, other);
  };
  try {
    let out = new Out();
    const flush = (): Buffer => {
      const full = out.bytes();
      out = new Out();
      return full;
    };
    for (const record of records) {
      const size = record.content?.size ?? 0;
      const header = renderEntry({ ...record, size });
      if (header.length > out.room) yield flush();
      if (header.length > out.room) yield header;
      else out.add(header);
      if (record.content === undefined) continue;
      for await (const piece of contentOf(sourceOf(record.content), record.content)) {
        for (let from = 0; from < piece.length; ) {
          from += out.add(piece.subarray(from));
          if (out.room === 0) yield flush();
        }
      }
    }
    for (let left = endBlocks; left > 0; ) {
      left -= out.add(zeros.subarray(0, left));
      if (out.room === 0) yield flush();
    }
    yield flush();
  } finally {
    await source.close();
  }
}

const zeros = Buffer.alloc(pieceSize);

/** The bytes of a file with its holes, padded to blocks. */
async function* contentOf(source: Source, file: Inode): AsyncGenerator<Buffer> {
  let at = 0;
  let start = file.start;
  for (const { offset, size } of file.pieces ?? [{ offset: 0, size: file.size }]) {
    yield* zerosOf(offset - at);
    yield* source.range(start, size);
    start += size;
    at = offset + size;
  }
  yield* zerosOf(padded(file.size) - at);
}

function* zerosOf(size: number): Generator<Buffer> {
  for (let left = size; left > 0; left -= pieceSize) yield zeros.subarray(0, Math.min(left, pieceSize));
}

/** Collects small pieces. The memory is given away with `bytes`. */
class Out {
  readonly #buffer = Buffer.allocUnsafe(pieceSize);
  #used = 0;

  get room(): number {
    return pieceSize - this.#used;
  }

  /** Takes what there is room for; how much that was. */
  add(bytes: Buffer): number {
    const taken = bytes.copy(this.#buffer, this.#used);
    this.#used += taken;
    return taken;
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#used);
  }
}

/** A file that bytes are taken from. */
type Source = { range(start: number, size: number): AsyncIterable<Buffer> };

/** In any order: a few files of a layer below. */
const fileSource = (host: Host, path: string): Source => ({
  async *range(start, size) {
    if (size === 0) return;
    for await (const chunk of host.files.stream(path, { start, end: start + size }))
      yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  },
});

/** A stream of a file that is read in places, from front to end. */
class Cursor implements Source {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #name: string;
  #chunk: Buffer = Buffer.alloc(0);
  /** Where the chunk begins. */
  #start = 0;

  constructor(source: AsyncIterator<Uint8Array>, name: string) {
    this.#source = source;
    this.#name = name;
  }

  async *range(start: number, size: number): AsyncGenerator<Buffer> {
    for (let at = start; at < start + size; ) {
      while (at >= this.#start + this.#chunk.length) await this.#next();
      const piece = this.#chunk.subarray(at - this.#start, start + size - this.#start);
      yield piece;
      at += piece.length;
    }
  }

  async #next(): Promise<void> {
    const { value, done } = await this.#source.next();
    if (done) throw new MosError('corrupt', `cannot read ${this.#name}: it became shorter`);
    this.#start += this.#chunk.length;
    this.#chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
