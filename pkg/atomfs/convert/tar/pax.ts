import type { ByteText } from './entry.ts';
import { broken } from './header.ts';

/** Extended header records in their order; a key may come more than once (GNU.sparse.offset). */
export type PaxRecord = readonly [key: string, value: ByteText];

/** `<length> <key>=<value>\n`, the length in bytes and of the whole record (POSIX.1-2017 "pax Extended Header"). */
export function parsePax(bytes: Buffer): PaxRecord[] {
  const records: PaxRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = space < 0 ? '' : bytes.toString('latin1', at, space);
    const end = at + Number(digits);
    const equals = bytes.indexOf(0x3d, space);
    if (!/^[1-9][0-9]{0,8}$/.test(digits) || end > bytes.length || bytes[end - 1] !== 0x0a)
      throw broken('an extended header has a broken record');
    if (equals < 0 || equals >= end - 1) throw broken('an extended header has a record without a value');
    records.push([
      bytes.toString('latin1', space + 1, equals),
      bytes.toString('latin1', equals + 1, end - 1),
    ]);
    at = end;
  }
  return records;
}

/** A decimal integer that is not negative. */
export function decimal(value: string, key: string): number {
  const result = Number(value);
  if (!/^[0-9]+$/.test(value) || !Number.isSafeInteger(result)) throw broken(`${key} is no number`);
  return result;
}

/** Seconds with an optional fraction, rounded down to whole seconds: file systems here keep no fractions. */
export function seconds(value: string, key: string): number {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value);
  if (!match) throw broken(`${key} is no time`);
  const whole = Number(match[2]);
  if (match[1] === '') return whole;
  return -whole - (/[1-9]/.test(match[3] ?? '') ? 1 : 0);
}

const schily = 'SCHILY.xattr.';
const libarchive = 'LIBARCHIVE.xattr.';

/** Extended attributes under star's keys, and under libarchive's where star's has none. */
export function xattrsOf(records: readonly PaxRecord[]): Map<ByteText, ByteText> {
  const found = new Map<ByteText, ByteText>();
  for (const [key, value] of records) if (key.startsWith(schily)) found.set(key.slice(schily.length), value);
  for (const [key, value] of records) {
    if (!key.startsWith(libarchive)) continue;
    const name = unescaped(key.slice(libarchive.length));
    if (!found.has(name)) found.set(name, Buffer.from(value, 'base64').toString('latin1'));
  }
  return found;
}

/** libarchive writes bytes of a name outside of ASCII as %XX. */
const unescaped = (name: string): ByteText =>
  name.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
