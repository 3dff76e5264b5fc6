import { zstdDecompressSync } from 'node:zlib';
import { MosError } from '../pkg/errors/index.ts';

export type ListedFile = { readonly path: string; readonly bytes: number };
export type ListedInitrd = {
  /** Compressed, as it lies in the boot file. */
  readonly packed: number;
  readonly bytes: number;
  readonly files: readonly ListedFile[];
};

const zstdMagic = 0xfd2fb528;
const largest = 1024 * 1024 * 1024;

/** What is in an initrd: a cpio archive of the newc format, plain or compressed with zstd. */
export function listInitrd(packed: Uint8Array): ListedInitrd {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  const isZstd = bytes.length >= 4 && bytes.readUInt32LE(0) === zstdMagic;
  const archive = isZstd ? zstdDecompressSync(bytes, { maxOutputLength: largest }) : bytes;
  return { packed: packed.length, bytes: archive.length, files: [...entriesOf(archive)] };
}

const headerSize = 110;
const fileType = 0o100000;
const typeMask = 0o170000;

function* entriesOf(archive: Buffer): Generator<ListedFile> {
  for (let at = 0; at + headerSize <= archive.length; ) {
    const field = (index: number): number =>
      Number.parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    if (archive.toString('latin1', at, at + 6) !== '070701')
      throw new MosError('invalid', 'cannot list the initrd: it is no cpio archive of the newc format');
    const [mode, size, nameSize] = [field(1), field(6), field(11)];
    const name = archive.toString('utf8', at + headerSize, at + headerSize + nameSize - 1);
    if (name === 'TRAILER!!!') return;
    if ((mode & typeMask) === fileType) yield { path: name, bytes: size };
    at = align(align(at + headerSize + nameSize) + size);
  }
}

const align = (at: number): number => Math.ceil(at / 4) * 4;
