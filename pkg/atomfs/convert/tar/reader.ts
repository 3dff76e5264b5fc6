import { blockBytes, type EntryType, type Piece, padded, type TarEntry } from './entry.ts';
import { broken, type Header, isZeroBlock, number, parseHeader } from './header.ts';
import { decimal, type PaxRecord, parsePax, seconds, xattrsOf } from './pax.ts';
import {
  checkedPieces,
  largestMap,
  oldPieces,
  oldSparse,
  oldSparseBlock,
  paxSparse,
  piecesOf,
} from './sparse.ts';

/** Of one extended header or long name. Go's archive/tar has the same bound. */
const largestExtension = 1024 * 1024;
/** Each entry costs memory while an image is converted. */
export const mostEntries = 4_000_000;

/** What the parser wants next: so many bytes, or to be told when so many have passed. */
type Wish = { readonly take: number } | { readonly skip: number };
type Parser = Generator<Wish, void, Buffer>;

/**
 * Reads the entries of a tar while its bytes pass: old, POSIX, GNU and pax headers, GNU sparse files of all four
 * formats. What is an archive's end and what breaks it is decided as Go's archive/tar does, which docker, containerd
 * and umoci use: a converter that reads a layer in another way than they do would hide something.
 */
export class TarReader {
  readonly #parser: Parser;
  #wish: Wish = { skip: 0 };
  #taken: Buffer[] = [];
  /** Bytes that the wish still lacks. */
  #left = 0;
  #position = 0;
  #entries = 0;
  #atBoundary = false;
  #isAtEnd = false;
  readonly #onEntry: (entry: TarEntry) => void;

  constructor(onEntry: (entry: TarEntry) => void) {
    this.#onEntry = onEntry;
    this.#parser = this.#parse();
    this.#next(Buffer.alloc(0));
  }

  update(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let from = 0; from < bytes.length && !this.#isAtEnd; ) {
      const size = Math.min(this.#left, bytes.length - from);
      if ('take' in this.#wish) this.#taken.push(bytes.subarray(from, from + size));
      from += size;
      this.#left -= size;
      this.#position += size;
      if (this.#left === 0) this.#next(this.#takeAll());
      // What is kept over calls must be our own memory.
      else if (this.#taken.length > 0) this.#taken = [Buffer.concat(this.#taken)];
    }
  }

  /** After the last byte. An archive may end without zero blocks and padding, but not inside an entry. */
  end(): void {
    if (this.#isAtEnd || (this.#atBoundary && this.#taken.length === 0)) return;
    throw broken(`it ends in the middle of an entry, after ${this.#position} bytes`);
  }

  #takeAll(): Buffer {
    const all = this.#taken.length === 1 ? this.#taken[0] : Buffer.concat(this.#taken);
    this.#taken = [];
    return all ?? Buffer.alloc(0);
  }

  #next(bytes: Buffer): void {
    let { value, done } = this.#parser.next(bytes);
    for (;;) {
      if (done || value === undefined) {
        this.#isAtEnd = true;
        return;
      }
      this.#wish = value;
      this.#left = 'take' in value ? value.take : value.skip;
      if (this.#left > 0) return;
      ({ value, done } = this.#parser.next(Buffer.alloc(0)));
    }
  }

  *#parse(): Parser {
    for (;;) {
      const entry = yield* this.#readEntry();
      if (entry === undefined) return;
      if (++this.#entries > mostEntries) throw broken(`it has more than ${mostEntries} entries`);
      this.#onEntry(entry);
      // umoci ends an archive right after the last byte of the last file.
      this.#atBoundary = true;
      yield { skip: padded(this.#position) - this.#position };
    }
  }

  /** One entry with the extended headers before it, its data passed; undefined at the end mark. */
  *#readEntry(): Generator<Wish, TarEntry | undefined, Buffer> {
    const extra: Extra = { records: [], name: undefined, link: undefined };
    this.#atBoundary = true;
    for (;;) {
      const block = yield { take: blockBytes };
      this.#atBoundary = false;
      if (isZeroBlock(block)) {
        this.#atBoundary = true;
        if (isZeroBlock(yield { take: blockBytes })) return undefined;
        throw broken('a zero block stands between entries');
      }
      const header = parseHeader(block);
      if (!(yield* readExtension(header, extra)))
        return yield* this.#readBody(Buffer.from(block), header, extra);
    }
  }

  *#readBody(block: Buffer, header: Header, extra: Extra): Generator<Wish, TarEntry, Buffer> {
    const values = new Map(extra.records.filter(([, value]) => value !== ''));
    const size = values.has('size') ? decimal(values.get('size') ?? '', 'size') : header.size;
    if (size < 0) throw broken('a size is negative');
    const type = typeOf(header, extra.name ?? values.get('path') ?? header.name);
    const stored = type === 'file' || header.type === 'D' ? size : 0;
    const sparse = type === 'file' ? yield* readSparse(block, header, extra.records) : undefined;
    const mapSize = sparse?.mapSize ?? 0;
    if (stored < mapSize) throw broken('a sparse map does not fit its file');
    const start = this.#position;
    yield { skip: stored - mapSize };
    return {
      type,
      name: extra.name ?? sparse?.name ?? values.get('path') ?? header.name,
      link: extra.link ?? values.get('linkpath') ?? header.link,
      mode: header.mode & 0o7777,
      uid: idOf(values.get('uid'), header.uid, 'uid'),
      gid: idOf(values.get('gid'), header.gid, 'gid'),
      mtime: values.has('mtime') ? seconds(values.get('mtime') ?? '', 'mtime') : header.mtime,
      xattrs: xattrsOf(extra.records),
      major: header.major,
      minor: header.minor,
      size: type === 'file' ? (sparse?.size ?? size) : 0,
      start,
      pieces: sparse && checkedPieces(sparse.pieces, sparse.size, stored - mapSize),
    };
  }
}

/** What headers before an entry's own say about it. */
type Extra = { records: PaxRecord[]; name: string | undefined; link: string | undefined };

/** Takes in an extended header; false where the header is the entry's own. */
function* readExtension(header: Header, extra: Extra): Generator<Wish, boolean, Buffer> {
  if (!'xXgLKV'.includes(header.type)) return false;
  if (header.size < 0 || header.size > largestExtension)
    throw broken(`an extended header has ${header.size} bytes`);
  const body = (yield { take: padded(header.size) }).subarray(0, header.size);
  if (header.type === 'x' || header.type === 'X') extra.records.push(...parsePax(body));
  if (header.type === 'g') refuseGlobal(parsePax(body));
  if (header.type === 'L') extra.name = untilNul(body);
  if (header.type === 'K') extra.link = untilNul(body);
  return true;
}

const untilNul = (body: Buffer): string => {
  const end = body.indexOf(0);
  return body.toString('latin1', 0, end < 0 ? body.length : end);
};

/**
 * Headers for all entries that follow: some readers apply them and some (Go) don't, so those that would change an
 * entry are refused. What git archive writes (a comment) is fine.
 */
function refuseGlobal(records: readonly PaxRecord[]): void {
  for (const [key] of records)
    if (
      /^(path|linkpath|size|uid|gid|uname|gname|mtime|GNU\.sparse\..*|(SCHILY|LIBARCHIVE)\.xattr\..*)$/.test(
        key,
      )
    )
      throw broken(`a global header sets ${key}`);
}

const types: Readonly<Record<string, EntryType>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
  D: 'directory',
};

function typeOf(header: Header, name: string): EntryType {
  // The oldest format marks a directory by its name.
  if (header.type === '\0' && name.endsWith('/')) return 'directory';
  const type = types[header.type];
  if (type === undefined) throw broken(`an entry has the unknown type ${JSON.stringify(header.type)}`);
  return type;
}

function idOf(pax: string | undefined, own: number, key: string): number {
  const id = pax === undefined ? own : decimal(pax, key);
  if (id < 0 || id > 0xffff_ffff) throw broken(`a ${key} is ${id}`);
  return id;
}

type SparseBody = { size: number; pieces: Piece[]; name: string | undefined; mapSize: number };

function* readSparse(
  block: Buffer,
  header: Header,
  records: readonly PaxRecord[],
): Generator<Wish, SparseBody | undefined, Buffer> {
  if (header.type === 'S') return yield* readOldSparse(block);
  const sparse = paxSparse(records);
  if (sparse === undefined) return undefined;
  if (sparse.version === '0.x') return { ...sparse.sparse, mapSize: 0 };
  const { pieces, mapSize } = yield* readMap();
  return { size: sparse.size, name: sparse.name, pieces, mapSize };
}

function* readOldSparse(header: Buffer): Generator<Wish, SparseBody, Buffer> {
  const pieces = oldPieces(header, oldSparse.at, oldSparse.count);
  let isExtended = header[oldSparse.isExtendedAt] !== 0;
  while (isExtended) {
    const block = yield { take: blockBytes };
    pieces.push(...oldPieces(block, oldSparseBlock.at, oldSparseBlock.count));
    if (pieces.length > largestMap) throw broken('a sparse map is too long');
    isExtended = block[oldSparseBlock.isExtendedAt] !== 0;
  }
  return { size: number(header, oldSparse.realSizeAt, 12), pieces, name: undefined, mapSize: 0 };
}

/** Format 1.0: decimal numbers, one a line, before the data: how many pieces, then offset and size of each. */
function* readMap(): Generator<Wish, { pieces: Piece[]; mapSize: number }, Buffer> {
  const lines: string[] = [];
  let rest = '';
  for (let mapSize = blockBytes; ; mapSize += blockBytes) {
    const parts = (rest + (yield { take: blockBytes }).toString('latin1')).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) lines.push(part);
    const count = lines[0] === undefined ? 0 : decimal(lines[0], 'the length of a sparse map');
    if (count > largestMap || rest.length > blockBytes) throw broken('a sparse map is too long');
    if (lines.length > count * 2) return { pieces: piecesOf(lines.slice(1, 1 + count * 2)), mapSize };
  }
}
