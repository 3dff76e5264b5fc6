import { derTag } from './der.ts';

/** X.690 8.1.3, the shortest form as DER asks for. */
function length(count: number): Buffer {
  if (count < 0x80) return Buffer.of(count);
  const hex = count.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.of(0x80 + bytes.length), bytes]);
}

/** One value: a tag over contents that follow each other. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.of(tag), length(content.length), content]);
}

export const sequence = (...contents: readonly Uint8Array[]): Buffer => der(derTag.sequence, ...contents);

/** X.690 11.6: the members of a SET OF in the order of their bytes. */
export const setOf = (...members: readonly Uint8Array[]): Buffer =>
  der(derTag.set, ...members.toSorted(Buffer.compare));

/** `1.2.840.113549.1.7.2` */
export function objectId(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  return der(derTag.objectId, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** Seven bits a byte, the highest first, all but the last marked. */
function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let left = Math.floor(value / 128); left > 0; left = Math.floor(left / 128))
    digits.unshift((left & 0x7f) | 0x80);
  return digits;
}

export const nothing = der(derTag.null);
