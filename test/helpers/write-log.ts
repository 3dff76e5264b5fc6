import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

// What a disk of QEMU was asked to do, in order: the file of its driver blklogwrites, in the format of Linux's dm-log-writes
// (Documentation/admin-guide/device-mapper/log-writes.rst, version 1).

const magic = 0x6a_73_66_77_73_68_72n;
const version = 1n;
const bits = { flush: 1n, forced: 2n, discard: 4n };

/** A request that the disk has done. Places and lengths are in bytes. */
export type LoggedRequest = {
  /** With `forced` it is on the disk when it is done; another one is when a flush after it is. */
  readonly kind: 'write' | 'discard' | 'flush';
  readonly forced: boolean;
  readonly at: number;
  readonly bytes: number;
  /** Where its bytes lie in the log. */
  readonly data: number;
};

/**
 * All requests of a log that nobody writes any more, up to the first one that a killed QEMU had not written whole. How
 * many the first sector counts is not believed: QEMU up to 8.2 lets an old count win over a new one.
 */
export function readWriteLog(file: string): readonly LoggedRequest[] {
  const log = openSync(file, 'r');
  try {
    const head = readAt(log, 0, 28);
    if (head.readBigUInt64LE(0) !== magic || head.readBigUInt64LE(8) !== version)
      throw new Error(`${file} is no log of writes, version ${version}`);
    const sector = head.readUInt32LE(24);
    const end = fstatSync(log).size;
    const requests: LoggedRequest[] = [];
    for (let place = sector; place + sector <= end; ) {
      const { request, next } = parseEntry(readAt(log, place, 32), place + sector, sector);
      if (next > end || (request.kind !== 'flush' && request.bytes === 0)) break;
      requests.push(request);
      place = next;
    }
    return requests;
  } finally {
    closeSync(log);
  }
}

/** An entry is a sector of its own: place and length in sectors, flags; the bytes of a write follow it. */
function parseEntry(
  entry: Buffer,
  data: number,
  sector: number,
): { readonly request: LoggedRequest; readonly next: number } {
  const flags = entry.readBigUInt64LE(16);
  const at = Number(entry.readBigUInt64LE(0)) * sector;
  const bytes = Number(entry.readBigUInt64LE(8)) * sector;
  const kind = flags & bits.flush ? 'flush' : flags & bits.discard ? 'discard' : 'write';
  const request = { kind, forced: (flags & bits.forced) !== 0n, at, bytes, data } as const;
  return { request, next: data + (kind === 'write' ? bytes : 0) };
}

export function readAt(file: number, place: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const read = readSync(file, bytes, 0, length, place);
  return bytes.subarray(0, read);
}
