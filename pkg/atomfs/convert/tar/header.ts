import { MosError } from '../../../errors/index.ts';
import type { ByteText } from './entry.ts';

/** The fields of one header block (POSIX.1-2017 pax "ustar Interchange Format", GNU tar "tar.h"). */
export type Header = {
  readonly type: string;
  readonly name: ByteText;
  readonly link: ByteText;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly major: number;
  readonly minor: number;
};

const checksumAt = 148;
const checksumSize = 8;

export const isZeroBlock = (block: Buffer): boolean => block.every((byte) => byte === 0);

export function parseHeader(block: Buffer): Header {
  if (!hasRightChecksum(block)) throw broken('a header has a wrong checksum');
  return {
    type: block.toString('latin1', 156, 157),
    name: joinName(prefixOf(block), text(block, 0, 100)),
    link: text(block, 157, 100),
    mode: number(block, 100, 8),
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    size: number(block, 124, 12),
    mtime: number(block, 136, 12),
    ...deviceOf(block),
  };
}

/** Sums over signed bytes were written by some old programs and are accepted by all readers. */
function hasRightChecksum(block: Buffer): boolean {
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < block.length; i++) {
    const isBlank = i >= checksumAt && i < checksumAt + checksumSize;
    const byte = isBlank ? 32 : (block[i] ?? 0);
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  const sum = number(block, checksumAt, checksumSize);
  return sum === unsigned || sum === signed;
}

/** Only POSIX headers have a prefix: GNU ones keep times at its place, star's is shorter. */
function prefixOf(block: Buffer): ByteText {
  if (block.toString('latin1', 257, 263) !== 'ustar\0') return '';
  const isStar = block.toString('latin1', 508, 512) === 'tar\0';
  return text(block, 345, isStar ? 131 : 155);
}

const joinName = (prefix: ByteText, name: ByteText): ByteText => (prefix === '' ? name : `${prefix}/${name}`);

/** The oldest format has no device numbers: other things may stand there. */
function deviceOf(block: Buffer): { major: number; minor: number } {
  const isDevice = block[156] === 0x33 || block[156] === 0x34;
  return isDevice ? { major: number(block, 329, 8), minor: number(block, 337, 8) } : { major: 0, minor: 0 };
}

function text(block: Buffer, from: number, size: number): ByteText {
  const end = block.indexOf(0, from);
  return block.toString('latin1', from, end < 0 ? from + size : Math.min(end, from + size));
}

/** Octal digits, or GNU's base 256 (first bit set), which may be negative. */
export function number(block: Buffer, from: number, size: number): number {
  const first = block[from] ?? 0;
  if ((first & 0x80) !== 0) return base256(block.subarray(from, from + size));
  const digits = text(block, from, size).trim();
  if (digits === '') return 0;
  if (!/^[0-7]+$/.test(digits)) throw broken('a header has a broken number');
  return Number.parseInt(digits, 8);
}

function base256(bytes: Buffer): number {
  const isNegative = ((bytes[0] ?? 0) & 0x40) !== 0;
  let value = isNegative ? -1n : 0n;
  for (const [i, byte] of bytes.entries()) {
    const seven = isNegative ? byte | 0x80 : byte & 0x7f;
    value = (value << 8n) | BigInt(i === 0 ? seven : byte);
  }
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < -BigInt(Number.MAX_SAFE_INTEGER))
    throw broken('a header has a number that is too large');
  return Number(value);
}

export const broken = (why: string): MosError => new MosError('invalid', `cannot read the tar: ${why}`);
