import { MosError } from '../errors/index.ts';

// Numbers of a TPM are big-endian; "sized" is a TPM2B: a length of two bytes, then the bytes (TPM 2.0 Library, Part 2, 10.4).

export const u8 = (value: number): Buffer => Buffer.of(value);
export const u16 = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff);
export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};
export const sized = (bytes: Uint8Array): Buffer => Buffer.concat([u16(bytes.length), bytes]);
export const none = new Uint8Array();

/** Reads a response from its front. What ends too early is `corrupt`. */
export class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  take(length: number): Buffer {
    const part = this.#bytes.subarray(this.#at, this.#at + length);
    if (part.length !== length)
      throw new MosError('corrupt', 'cannot understand the TPM: its answer ends too early');
    this.#at += length;
    return part;
  }
  u8 = (): number => this.take(1).readUInt8();
  u16 = (): number => this.take(2).readUInt16BE();
  u32 = (): number => this.take(4).readUInt32BE();
  sized = (): Buffer => this.take(this.u16());
  rest = (): Buffer => this.take(this.#bytes.length - this.#at);
}
