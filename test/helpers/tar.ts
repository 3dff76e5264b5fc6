import type { TarEntry } from '../../pkg/atomfs/convert/tar/entry.ts';
import { TarReader } from '../../pkg/atomfs/convert/tar/reader.ts';

export type Made = {
  readonly name: string;
  readonly type?: string;
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly major?: number;
  readonly minor?: number;
  readonly data?: string | Buffer;
  /** pax records before the entry. */
  readonly pax?: Readonly<Record<string, string>>;
  /** A last change of the header before its checksum is made. */
  readonly edit?: (header: Buffer) => void;
};

const octal = (value: number, size: number) => `${value.toString(8).padStart(size - 1, '0')}\0`;

/** One ustar entry, names as bytes in latin1. Written apart from the program's own writer on purpose. */
export function tarEntry(made: Made): Buffer {
  const data =
    typeof made.data === 'string' ? Buffer.from(made.data, 'latin1') : (made.data ?? Buffer.alloc(0));
  const header = Buffer.alloc(512);
  header.write(made.name, 0, 100, 'latin1');
  header.write(octal(made.mode ?? 0o644, 8), 100);
  header.write(octal(made.uid ?? 0, 8), 108);
  header.write(octal(made.gid ?? 0, 8), 116);
  header.write(octal(data.length, 12), 124);
  header.write(octal(made.mtime ?? 1_000_000_000, 12), 136);
  header.write(made.type ?? '0', 156);
  header.write(made.link ?? '', 157, 100, 'latin1');
  header.write('ustar\x0000', 257);
  header.write(octal(made.major ?? 0, 8), 329);
  header.write(octal(made.minor ?? 0, 8), 337);
  made.edit?.(header);
  header.fill(' ', 148, 156);
  header.write(
    `${octal(
      header.reduce((sum, byte) => sum + byte, 0),
      7,
    )} `,
    148,
  );
  const before = made.pax === undefined ? [] : [paxEntry(made.pax)];
  return Buffer.concat([...before, header, data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}

export function paxRecords(records: Iterable<readonly [string, string]>): Buffer {
  const lines: Buffer[] = [];
  for (const [key, value] of records) {
    const rest = Buffer.from(` ${key}=${value}\n`, 'latin1');
    let size = rest.length + 1;
    while (String(size).length + rest.length !== size) size = String(size).length + rest.length;
    lines.push(Buffer.from(String(size)), rest);
  }
  return Buffer.concat(lines);
}

const paxEntry = (records: Readonly<Record<string, string>>): Buffer =>
  tarEntry({ name: 'pax', type: 'x', data: paxRecords(Object.entries(records)) });

export const tarEnd = Buffer.alloc(1024);

export const tarOf = (...entries: readonly Made[]): Buffer =>
  Buffer.concat([...entries.map(tarEntry), tarEnd]);

/** All entries, the archive given in pieces of a size. */
export function entriesOf(archive: Buffer, pieceSize = 65_536): TarEntry[] {
  const entries: TarEntry[] = [];
  const reader = new TarReader((entry) => entries.push(entry));
  for (let at = 0; at < archive.length; at += pieceSize) reader.update(archive.subarray(at, at + pieceSize));
  reader.end();
  return entries;
}
