import { createHash } from 'node:crypto';
import { MosError } from '../../errors/index.ts';

/**
 * A PE image as Authenticode sees it ("Windows Authenticode Portable Executable Signature Format", 2008, and PE/COFF
 * specification, "The Attribute Certificate Table"): what is hashed, and the signatures that stand behind it.
 */
export type PeImage = {
  /** SHA-256 over the whole file but the checksum, the entry that points to the signatures, and the signatures. */
  readonly digest: Uint8Array;
  /** The PKCS#7 blobs; none: it is not signed. */
  readonly signatures: readonly Uint8Array[];
};

const pe32 = 0x10b;
const pe32plus = 0x20b;
const sectionSize = 40;
const directoryEntry = 8;
const certificateDirectory = 4;

/** WIN_CERTIFICATE: length (with this header), revision 2.0, type PKCS#7 signed data; each aligned to 8 bytes. */
const certificateHeader = 8;
const revisionTwo = 0x0200;
const typePkcs = 0x0002;

const invalid = (why: string): MosError => new MosError('invalid', `cannot use it as an EFI file: ${why}`);

type Header = {
  readonly checksum: number;
  /** Where the directory entry of the certificate table stands. */
  readonly entry: number;
  readonly headersEnd: number;
  readonly tableStart: number;
  readonly tableEnd: number;
  readonly sections: readonly { readonly start: number; readonly end: number }[];
};

/** Throws `invalid` when any byte of the file would be neither hashed nor part of a signature. */
export function parsePeImage(bytes: Uint8Array): PeImage {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const header = readHeader(file);
  const isSigned = header.tableEnd > header.tableStart;
  const end = isSigned ? header.tableStart : file.length;
  if (isSigned && (header.tableStart % 8 !== 0 || header.tableEnd > file.length))
    throw invalid('its certificate table is not inside the file');
  if (isSigned && header.tableEnd !== file.length) throw invalid('bytes follow its certificate table');
  checkSections(header, end);
  const hash = createHash('sha256');
  hash.update(file.subarray(0, header.checksum));
  hash.update(file.subarray(header.checksum + 4, header.entry));
  hash.update(file.subarray(header.entry + directoryEntry, end));
  return { digest: hash.digest(), signatures: isSigned ? readTable(file.subarray(end)) : [] };
}

/** Where the entry of the certificate table stands, and where the table begins (0: there is none). */
export function certificateEntryOf(bytes: Uint8Array): { readonly at: number; readonly start: number } {
  const header = readHeader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  return { at: header.entry, start: header.tableStart };
}

/** Where the checksum of the whole file stands. */
export const checksumOf = (bytes: Uint8Array): number =>
  readHeader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)).checksum;

function readHeader(file: Buffer): Header {
  try {
    return readHeaderFields(file);
  } catch (error) {
    if (error instanceof RangeError) throw invalid('it ends in the middle of its headers');
    throw error;
  }
}

/** Buffer's reads throw a RangeError past the end. */
function readHeaderFields(file: Buffer): Header {
  if (file.toString('latin1', 0, 2) !== 'MZ') throw invalid('it has no DOS header');
  const pe = file.readUInt32LE(0x3c);
  if (file.readUInt32LE(pe) !== 0x4550) throw invalid('it has no PE header');
  const sectionCount = file.readUInt16LE(pe + 6);
  const optionalSize = file.readUInt16LE(pe + 20);
  const optional = pe + 24;
  const magic = file.readUInt16LE(optional);
  if (magic !== pe32 && magic !== pe32plus) throw invalid('its optional header is of an unknown kind');
  const directories = optional + (magic === pe32plus ? 112 : 96);
  if (file.readUInt32LE(directories - 4) <= certificateDirectory)
    throw invalid('it has no place for a signature');
  const entry = directories + certificateDirectory * directoryEntry;
  const sectionTable = optional + optionalSize;
  const headersEnd = file.readUInt32LE(optional + 60);
  if (entry + directoryEntry > sectionTable || sectionTable + sectionCount * sectionSize > headersEnd)
    throw invalid('its headers overlap');
  const tableStart = file.readUInt32LE(entry);
  return {
    checksum: optional + 64,
    entry,
    headersEnd,
    tableStart,
    tableEnd: tableStart + file.readUInt32LE(entry + 4),
    sections: Array.from({ length: sectionCount }, (_, index) => {
      const at = sectionTable + index * sectionSize;
      const start = file.readUInt32LE(at + 20);
      return { start, end: start + file.readUInt32LE(at + 16) };
    }),
  };
}

/**
 * Firmware hashes the headers, each section in the order of the file, and what is left behind them. That is the whole
 * file only if there is no gap and no overlap; in a gap one could change bytes that no signature covers.
 */
function checkSections({ headersEnd, sections }: Header, end: number): void {
  let at = headersEnd;
  for (const section of sections.filter((s) => s.end > s.start).sort((a, b) => a.start - b.start)) {
    if (section.start !== at) throw invalid('its sections leave gaps or overlap');
    at = section.end;
  }
  if (at > end) throw invalid('its sections reach beyond its end');
}

function readTable(table: Buffer): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at < table.length; ) {
    if (at + certificateHeader > table.length) throw invalid('its certificate table is malformed');
    const length = table.readUInt32LE(at);
    const end = at + length;
    const next = at + Math.ceil(length / 8) * 8;
    if (
      length <= certificateHeader ||
      next > table.length ||
      table.subarray(end, next).some((byte) => byte !== 0)
    )
      throw invalid('its certificate table is malformed');
    if (table.readUInt16LE(at + 4) !== revisionTwo || table.readUInt16LE(at + 6) !== typePkcs)
      throw invalid('its certificate table has an entry of another kind');
    found.push(table.subarray(at + certificateHeader, end));
    at = next;
  }
  return found;
}
