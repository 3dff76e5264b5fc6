import { MosError } from '../errors/index.ts';

/** A section of an EFI program (PE/COFF specification, "Section Table"). Sizes and addresses in bytes. */
export type Section = {
  readonly name: string;
  readonly address: number;
  /** In memory; in the file it is filled up to the alignment. */
  readonly size: number;
  readonly start: number;
  readonly fileSize: number;
};

/** What has to be known to add sections to a program. */
export type Program = {
  readonly sections: readonly Section[];
  readonly at: {
    readonly sectionCount: number;
    /** Where the symbols are, and how many. */
    readonly symbols: number;
    readonly initializedData: number;
    readonly imageSize: number;
    readonly checksum: number;
    readonly table: number;
  };
  readonly headersEnd: number;
  readonly sectionAlignment: number;
  readonly fileAlignment: number;
  readonly isSigned: boolean;
};

const pe32plus = 0x20b;
export const sectionHeaderSize = 40;
const certificateEntry = 112 + 4 * 8;

const invalid = (why: string): MosError => new MosError('invalid', `cannot read the EFI program: ${why}`);

/** Of a 64-bit program. Whether its bytes are sound is for `trust` to say; this is for programs that we build with. */
export function parseProgram(bytes: Uint8Array): Program {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  try {
    return readProgram(file);
  } catch (error) {
    if (error instanceof RangeError) throw invalid('it ends in the middle of its headers');
    throw error;
  }
}

/** Buffer's reads throw a RangeError past the end. */
function readProgram(file: Buffer): Program {
  if (file.toString('latin1', 0, 2) !== 'MZ') throw invalid('it has no DOS header');
  const pe = file.readUInt32LE(0x3c);
  if (file.readUInt32LE(pe) !== 0x4550) throw invalid('it has no PE header');
  const optional = pe + 24;
  if (file.readUInt16LE(optional) !== pe32plus) throw invalid('it is no 64-bit program');
  const table = optional + file.readUInt16LE(pe + 20);
  const count = file.readUInt16LE(pe + 6);
  return {
    sections: Array.from({ length: count }, (_, index) =>
      readSection(file, table + index * sectionHeaderSize),
    ),
    at: {
      sectionCount: pe + 6,
      symbols: pe + 12,
      initializedData: optional + 8,
      imageSize: optional + 56,
      checksum: optional + 64,
      table,
    },
    headersEnd: file.readUInt32LE(optional + 60),
    sectionAlignment: file.readUInt32LE(optional + 32),
    fileAlignment: file.readUInt32LE(optional + 36),
    isSigned: file.readUInt32LE(optional + certificateEntry + 4) > 0,
  };
}

const readSection = (file: Buffer, at: number): Section => ({
  name: file.toString('latin1', at, at + 8).replace(/\0+$/, ''),
  size: file.readUInt32LE(at + 8),
  address: file.readUInt32LE(at + 12),
  fileSize: file.readUInt32LE(at + 16),
  start: file.readUInt32LE(at + 20),
});

/** The bytes of one section, without what fills it up. */
export const sectionContent = (bytes: Uint8Array, { start, size, fileSize }: Section): Uint8Array =>
  bytes.subarray(start, start + Math.min(size, fileSize));
