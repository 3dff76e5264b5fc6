/** A small PE32+ image of two sections, made field by field, so that a test can bend each of them. */
export type PePlan = {
  readonly sections?: readonly { readonly start: number; readonly size: number }[];
  readonly headersSize?: number;
  readonly directories?: number;
  readonly magic?: number;
  readonly trailing?: number;
};

const peAt = 0x80;
export const optionalAt = peAt + 24;
export const checksumAt = optionalAt + 64;
export const directoryAt = optionalAt + 112 + 4 * 8;

export function makePe(plan: PePlan = {}): Buffer {
  const { headersSize = 512, directories = 16, magic = 0x20b, trailing = 0 } = plan;
  const sections = plan.sections ?? [
    { start: 512, size: 1024 },
    { start: 1536, size: 512 },
  ];
  const end = Math.max(headersSize, ...sections.map((section) => section.start + section.size));
  const file = Buffer.alloc(end + trailing, 0xcc);
  file.fill(0, 0, headersSize);
  file.write('MZ', 0, 'latin1');
  file.writeUInt32LE(peAt, 0x3c);
  file.write('PE\0\0', peAt, 'latin1');
  file.writeUInt16LE(0x8664, peAt + 4);
  file.writeUInt16LE(sections.length, peAt + 6);
  file.writeUInt16LE(240, peAt + 20);
  file.writeUInt16LE(magic, optionalAt);
  file.writeUInt32LE(4096, optionalAt + 32);
  file.writeUInt32LE(512, optionalAt + 36);
  file.writeUInt32LE(headersSize, optionalAt + 60);
  file.writeUInt32LE(directories, optionalAt + 108);
  for (const [index, { start, size }] of sections.entries()) {
    const at = optionalAt + 240 + index * 40;
    file.write(`.s${index}`, at, 'latin1');
    file.writeUInt32LE(size, at + 8);
    file.writeUInt32LE(4096 * (index + 1), at + 12);
    file.writeUInt32LE(size, at + 16);
    file.writeUInt32LE(start, at + 20);
  }
  return file;
}

/** Appends a certificate table of these blobs and points to it; `skew` adds to the size in the directory. */
export function withTable(file: Buffer, blobs: readonly Buffer[], skew = 0): Buffer {
  const start = Math.ceil(file.length / 8) * 8;
  const entries = blobs.map((blob) => {
    const entry = Buffer.alloc(Math.ceil((8 + blob.length) / 8) * 8);
    entry.writeUInt32LE(8 + blob.length, 0);
    entry.writeUInt16LE(0x0200, 4);
    entry.writeUInt16LE(0x0002, 6);
    blob.copy(entry, 8);
    return entry;
  });
  const signed = Buffer.concat([file, Buffer.alloc(start - file.length), ...entries]);
  signed.writeUInt32LE(start, directoryAt);
  signed.writeUInt32LE(signed.length - start + skew, directoryAt + 4);
  return signed;
}
