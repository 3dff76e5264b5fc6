/**
 * Unpacks a zlib stream (RFC 1950) that is made of stored blocks (RFC 1951, 3.2.4) only, as git writes with
 * core.looseCompression=0: undefined for any other. A boot reads a dozen small objects, and loading zlib for them costs
 * more than reading them. The checksum at the end is not looked at: who reads an object compares its SHA-1.
 */
export function unpackStored(packed: Uint8Array): Buffer | undefined {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  if (
    bytes.length < zlibHeader ||
    (bytes.readUInt8(0) & 0x0f) !== deflate ||
    bytes.readUInt16BE(0) % 31 !== 0
  )
    return undefined;
  const pieces: Buffer[] = [];
  for (let at = zlibHeader; at + blockHeader <= bytes.length; ) {
    const kind = bytes.readUInt8(at);
    const length = bytes.readUInt16LE(at + 1);
    const start = at + blockHeader;
    const isStored = kind >> 1 === 0 && bytes.readUInt16LE(at + 3) === (length ^ 0xffff);
    if (!isStored || start + length > bytes.length) return undefined;
    pieces.push(bytes.subarray(start, start + length));
    if (kind === lastBlock) return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
    at = start + length;
  }
  return undefined;
}

const zlibHeader = 2;
const deflate = 8;
/** One byte of kind, the length, and the length with its bits turned round. */
const blockHeader = 5;
const lastBlock = 1;

/** The same the other way: what git reads as a zlib stream. */
export function renderStored(body: Uint8Array): Buffer {
  const blocks: Uint8Array[] = [Buffer.from([0x78, 0x01])];
  for (let at = 0; at === 0 || at < body.length; at += mostStored) {
    const part = body.subarray(at, at + mostStored);
    const header = Buffer.alloc(blockHeader);
    header.writeUInt8(at + part.length === body.length ? lastBlock : 0);
    header.writeUInt16LE(part.length, 1);
    header.writeUInt16LE(part.length ^ 0xffff, 3);
    blocks.push(header, part);
  }
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(adler32(body));
  return Buffer.concat([...blocks, checksum]);
}

const mostStored = 0xffff;

/** RFC 1950, 8.2 */
function adler32(bytes: Uint8Array): number {
  let low = 1;
  let high = 0;
  for (const byte of bytes) {
    low = (low + byte) % 65521;
    high = (high + low) % 65521;
  }
  return high * 0x10000 + low;
}
