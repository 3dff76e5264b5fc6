import type { ByteText, Piece } from './entry.ts';
import { broken, number } from './header.ts';
import { decimal, type PaxRecord } from './pax.ts';

/** A sparse file as its headers describe it; `name` where they hide it from readers that don't know the format. */
export type Sparse = { readonly size: number; readonly pieces: Piece[]; readonly name: ByteText | undefined };

/** A map needs 24 bytes an entry in the archive, so this is no limit for a real file. */
export const largestMap = 1_000_000;

/** GNU tar's old format: four entries in the header, 21 in each block that follows while `isExtended`. */
export const oldSparse = { at: 386, count: 4, isExtendedAt: 482, realSizeAt: 483 } as const;
export const oldSparseBlock = { at: 0, count: 21, isExtendedAt: 504 } as const;

export function oldPieces(block: Buffer, at: number, count: number): Piece[] {
  const pieces: Piece[] = [];
  for (let i = 0; i < count; i++) {
    const from = at + i * 24;
    if (block[from] === 0) break;
    pieces.push({ offset: number(block, from, 12), size: number(block, from + 12, 12) });
  }
  return pieces;
}

/** Which of GNU tar's formats for pax headers it is (GNU tar manual, "Storing Sparse Files"). */
export type PaxSparse =
  | { readonly version: '0.x'; readonly sparse: Sparse }
  | { readonly version: '1.0'; readonly size: number; readonly name: ByteText | undefined };

export function paxSparse(records: readonly PaxRecord[]): PaxSparse | undefined {
  const values = new Map(records);
  const name = values.get('GNU.sparse.name');
  const major = values.get('GNU.sparse.major');
  if (major !== undefined) {
    const version = `${major}.${values.get('GNU.sparse.minor') ?? '0'}`;
    if (version !== '1.0') throw broken(`a sparse file has the unknown format ${version.slice(0, 20)}`);
    return { version, size: need(values, 'GNU.sparse.realsize'), name };
  }
  if (!values.has('GNU.sparse.size')) return undefined;
  const map = values.get('GNU.sparse.map');
  const pieces = map === undefined ? piecesOfRecords(records) : piecesOf(map.split(','));
  if (pieces.length !== need(values, 'GNU.sparse.numblocks')) throw broken('a sparse map has a wrong length');
  return { version: '0.x', sparse: { size: need(values, 'GNU.sparse.size'), pieces, name } };
}

function need(values: ReadonlyMap<string, ByteText>, key: string): number {
  const value = values.get(key);
  if (value === undefined) throw broken(`a sparse file has no ${key}`);
  return decimal(value, key);
}

/** Version 0.0: pairs of records, the same two keys again and again. */
const piecesOfRecords = (records: readonly PaxRecord[]): Piece[] =>
  piecesOf(
    records
      .filter(([key]) => key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes')
      .map(([, value]) => value),
  );

/** Offset and size in turn. */
export function piecesOf(numbers: readonly string[]): Piece[] {
  if (numbers.length === 1 && numbers[0] === '') return [];
  if (numbers.length % 2 !== 0) throw broken('a sparse map is broken');
  const pieces: Piece[] = [];
  for (let i = 0; i < numbers.length; i += 2)
    pieces.push({
      offset: decimal(numbers[i] ?? '', 'an offset of a sparse map'),
      size: decimal(numbers[i + 1] ?? '', 'a size of a sparse map'),
    });
  return pieces;
}

/** Pieces in order, inside the file, and together as large as what is stored. Empty ones (an end mark) are dropped. */
export function checkedPieces(pieces: readonly Piece[], size: number, stored: number): Piece[] {
  let end = 0;
  let sum = 0;
  for (const piece of pieces) {
    if (piece.offset < end || piece.size < 0) throw broken('the pieces of a sparse file overlap');
    end = piece.offset + piece.size;
    sum += piece.size;
  }
  if (end > size || sum !== stored) throw broken('a sparse map does not fit its file');
  return pieces.filter((piece) => piece.size > 0);
}
