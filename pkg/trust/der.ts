import { MosError } from '../errors/index.ts';

/** One value in Distinguished Encoding Rules (X.690 section 10): its tag byte, its content, and both with the length. */
export type Der = { readonly tag: number; readonly content: Uint8Array; readonly raw: Uint8Array };

export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectId: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** `[n]` constructed, context-specific. */
export const contextTag = (number: number): number => 0xa0 + number;

const bad = (why: string): MosError => new MosError('invalid', `cannot read DER: ${why}`);

function readValue(bytes: Uint8Array, at: number): Der {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw bad('it ends in the middle of a value');
  if ((tag & 0x1f) === 0x1f) throw bad('a tag of more than one byte');
  const { length, start } = first < 0x80 ? { length: first, start: at + 2 } : readLength(bytes, at + 1);
  const end = start + length;
  if (end > bytes.length) throw bad('a value is longer than what holds it');
  return { tag, content: bytes.subarray(start, end), raw: bytes.subarray(at, end) };
}

/** The long form, X.690 8.1.3.5; DER (10.1) allows it only where no shorter one would do. */
function readLength(bytes: Uint8Array, at: number): { length: number; start: number } {
  const count = (bytes[at] ?? 0) - 0x80;
  if (count < 1 || count > 4) throw bad('a length of no known form');
  let length = 0;
  for (let i = 1; i <= count; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) throw bad('it ends in the middle of a length');
    length = length * 256 + byte;
  }
  if (length < 0x80 || length < 256 ** (count - 1)) throw bad('a length that is not the shortest');
  return { length, start: at + 1 + count };
}

/** Exactly one value; nothing may follow it. */
export function parseDer(bytes: Uint8Array, tag?: number): Der {
  const value = readValue(bytes, 0);
  if (value.raw.length !== bytes.length) throw bad('bytes follow the value');
  return tag === undefined ? value : expectTag(value, tag);
}

/** The value at the front of bytes that may go on behind it. */
export const parseDerPrefix = (bytes: Uint8Array): Der => readValue(bytes, 0);

export function expectTag(value: Der | undefined, tag: number): Der {
  if (value === undefined) throw bad('a value is missing');
  if (value.tag !== tag) throw bad(`tag ${value.tag.toString(16)} where ${tag.toString(16)} belongs`);
  return value;
}

/** The values inside a sequence, set or explicit tag. */
export function childrenOf(value: Der): Der[] {
  const children: Der[] = [];
  for (let at = 0; at < value.content.length; ) {
    const child = readValue(value.content, at);
    children.push(child);
    at += child.raw.length;
  }
  return children;
}

export const sequenceOf = (value: Der | undefined): Der[] => childrenOf(expectTag(value, derTag.sequence));

/** `1.2.840…` */
export function readObjectId(value: Der | undefined): string {
  const { content } = expectTag(value, derTag.objectId);
  const numbers: number[] = [];
  let number = 0;
  for (const [index, byte] of content.entries()) {
    if (number === 0 && byte === 0x80) throw bad('an object identifier with a leading zero');
    number = number * 128 + (byte & 0x7f);
    if (number > 2 ** 40) throw bad('an object identifier of too large a number');
    if (byte < 0x80) {
      numbers.push(number);
      number = 0;
    } else if (index === content.length - 1) throw bad('an object identifier that ends in the middle');
  }
  const first = numbers[0];
  if (first === undefined) throw bad('an empty object identifier');
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...numbers.slice(1)].join('.');
}

export function readBoolean(value: Der): boolean {
  const { content } = expectTag(value, derTag.boolean);
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff))
    throw bad('a boolean of neither kind');
  return content[0] === 0xff;
}

/** The content of an integer as hex digits, checked to be in its shortest form and not negative. */
export function readUnsigned(value: Der | undefined): string {
  const { content } = expectTag(value, derTag.integer);
  const [first, second] = content;
  if (first === undefined || first >= 0x80) throw bad('an empty or negative integer');
  if (first === 0 && second !== undefined && second < 0x80) throw bad('an integer that is not the shortest');
  return Buffer.from(content).toString('hex');
}

/** A small number; anything above 2^31 is refused. */
export function readSmallNumber(value: Der | undefined): number {
  const hex = readUnsigned(value);
  if (hex.length > 8) throw bad('a number that is too large');
  return Number.parseInt(hex, 16);
}

/** A bit string of whole bytes, or with `anyLength` of any number of bits (X.690 11.2: unused bits are zero). */
export function readBits(value: Der | undefined, anyLength = false): Uint8Array {
  const { content } = expectTag(value, derTag.bitString);
  const unused = content[0];
  if (unused === undefined || unused > 7 || (unused > 0 && !anyLength))
    throw bad('a bit string of no known form');
  const last = content.at(-1) ?? 0;
  if (unused > 0 && (content.length === 1 || (last & ((1 << unused) - 1)) !== 0))
    throw bad('a bit string with unused bits that are set');
  return content.subarray(1);
}

/** UTCTime and GeneralizedTime in the one form that RFC 5280 4.1.2.5 allows. */
export function readTime(value: Der | undefined): Date {
  const text = value === undefined ? '' : Buffer.from(value.content).toString('latin1');
  const short = value?.tag === derTag.utcTime;
  const match = (
    short ? /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/ : /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/
  ).exec(text);
  if (match === null || (!short && value?.tag !== derTag.generalizedTime))
    throw bad('a time of no known form');
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const full = short ? (year < 50 ? 2000 + year : 1900 + year) : year;
  const date = new Date(0);
  date.setUTCFullYear(full, month - 1, day);
  date.setUTCHours(hour, minute, second);
  if (
    date.getUTCMonth() !== month - 1 ||
    date.getUTCDate() !== day ||
    hour > 23 ||
    minute > 59 ||
    second > 59
  )
    throw bad('a time that does not exist');
  return date;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const textTags: readonly number[] = [derTag.utf8String, derTag.printableString, derTag.ia5String];
/** Numeric and T61 strings. */
const oldTextTags: readonly number[] = [0x12, 0x14];

/** A name's string; undefined for a string type that nobody should use any more. */
export function readText(value: Der): string | undefined {
  if (oldTextTags.includes(value.tag)) return undefined;
  if (!textTags.includes(value.tag)) throw bad(`tag ${value.tag.toString(16)} where a string belongs`);
  try {
    return decoder.decode(value.content);
  } catch (cause) {
    throw new MosError('invalid', 'cannot read DER: a string that is not UTF-8', { cause });
  }
}
