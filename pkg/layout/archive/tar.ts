import { MosError } from '../../errors/index.ts';
import type { ReadableFile } from '../../host/index.ts';

/** One member of a tar file: where its bytes are. `target` is that of a link. */
export type TarMember = {
  readonly name: string;
  readonly type: 'file' | 'link' | 'symlink' | 'other';
  readonly target: string;
  readonly offset: number;
  readonly size: number;
};

const blockSize = 512;
const memberLimit = 100_000;
/** Longest text of a PAX or GNU header that is read. */
const headerLimit = 64 * 1024;

type Long = { name?: string | undefined; target?: string | undefined; size?: number | undefined };

/**
 * The members of a tar file (POSIX ustar with PAX and GNU long names) by its headers alone: contents are skipped, so
 * that an archive of gigabytes is listed at once. The last member of a name counts, as when it is unpacked.
 */
export async function listTar(file: ReadableFile, path: string): Promise<Map<string, TarMember>> {
  const members = new Map<string, TarMember>();
  const header = Buffer.alloc(blockSize);
  let long: Long = {};
  for (let at = 0, count = 0; at + blockSize <= file.size; count++) {
    if (count > memberLimit) throw bad(path, `it has more than ${memberLimit} members`);
    if ((await file.read(header, at)) < blockSize) throw bad(path, 'it ends in the middle');
    if (header.every((byte) => byte === 0)) break;
    if (!hasRightSum(header)) throw bad(path, `there is no tar header at byte ${at}`);
    const kind = String.fromCharCode(header[156] ?? 0);
    const size = (isData(kind) ? long.size : undefined) ?? numberAt(header, 124, 12);
    const offset = at + blockSize;
    if (!Number.isSafeInteger(size) || size < 0 || offset + size > file.size)
      throw bad(path, `the member at byte ${at} is longer than the archive`);
    if (kind === 'x' || kind === 'L' || kind === 'K')
      long = { ...long, ...readLong(kind, await textAt(file, path, offset, size)) };
    else if (kind !== 'g') {
      const name = plain(long.name ?? nameOf(header));
      members.set(name, {
        name,
        type: typeOf(kind),
        target: long.target ?? textOf(header, 157, 100),
        offset,
        size: isData(kind) ? size : 0,
      });
      long = {};
    }
    at = offset + Math.ceil(size / blockSize) * blockSize;
  }
  return members;
}

const bad = (path: string, why: string): MosError =>
  new MosError('invalid', `cannot read the archive ${path}: ${why}`);

const isData = (kind: string): boolean => kind === '0' || kind === '\0' || kind === '7';

function typeOf(kind: string): TarMember['type'] {
  if (isData(kind)) return 'file';
  if (kind === '1') return 'link';
  return kind === '2' ? 'symlink' : 'other';
}

/** `./a/b/` and `a/b` are one name. */
const plain = (name: string): string => name.replace(/^(?:\.\/)+/, '').replace(/\/+$/, '');

const textOf = (block: Buffer, start: number, length: number): string => {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? length : end).toString('utf8');
};

function nameOf(header: Buffer): string {
  const prefix = header.toString('latin1', 257, 263) === 'ustar\0' ? textOf(header, 345, 155) : '';
  const name = textOf(header, 0, 100);
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** Octal text, or GNU's base 256 for large numbers. */
function numberAt(block: Buffer, start: number, length: number): number {
  const field = block.subarray(start, start + length);
  if (((field[0] ?? 0) & 0x80) === 0)
    return Number.parseInt(field.toString('latin1').replaceAll('\0', ' ').trim() || '0', 8);
  return field.subarray(1).reduce((value, byte) => value * 256 + byte, (field[0] ?? 0) & 0x7f);
}

function hasRightSum(header: Buffer): boolean {
  const spaces = 8 * 0x20;
  const sum = header.reduce((total, byte, i) => (i >= 148 && i < 156 ? total : total + byte), spaces);
  return sum === numberAt(header, 148, 8);
}

async function textAt(file: ReadableFile, path: string, offset: number, size: number): Promise<Buffer> {
  if (size > headerLimit) throw bad(path, `a header has ${size} bytes`);
  const bytes = Buffer.alloc(size);
  if ((await file.read(bytes, offset)) < size) throw bad(path, 'it ends in the middle');
  return bytes;
}

function readLong(kind: 'x' | 'L' | 'K', bytes: Buffer): Long {
  if (kind === 'x') return readPax(bytes);
  const text = textOf(bytes, 0, bytes.length);
  return kind === 'L' ? { name: text } : { target: text };
}

/** Records `<length> <key>=<value>\n`; the length counts itself. */
function readPax(bytes: Buffer): Long {
  const long: Long = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString('latin1', at, Math.max(at, space)));
    if (!(length > 0)) break;
    const record = bytes.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    const [key, value] = [record.slice(0, equals), record.slice(equals + 1)];
    if (key === 'path') long.name = value;
    if (key === 'linkpath') long.target = value;
    if (key === 'size') long.size = Number(value);
    at += length;
  }
  return long;
}
