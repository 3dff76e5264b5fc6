import { createHash, createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { MosError } from '../../errors/index.ts';
import { childrenOf, contextTag, derTag, parseDer, sequenceOf } from '../der.ts';
import { der, nothing, objectId, sequence, setOf } from '../der-write.ts';
import { certificateEntryOf, checksumOf, parsePeImage } from './image.ts';
import { oid } from './signature.ts';

export type ImageSigner = {
  /** RSA, of PEM text. */
  readonly key: KeyObject;
  /** DER */
  readonly certificate: Uint8Array;
};

export function parseSigningKey(pem: Uint8Array, what: string): KeyObject {
  try {
    const key = createPrivateKey(Buffer.from(pem));
    if (key.asymmetricKeyType === 'rsa') return key;
  } catch {
    // told below, without what the runtime says of a secret
  }
  throw new MosError('invalid', `cannot sign with ${what}: it is no RSA private key`);
}

/**
 * The image with one signature more (Authenticode, RFC 2315). Unlike those of sbsign it has no time in it: who signs the
 * same image with the same key gets the same bytes.
 */
export function signImage(image: Uint8Array, signer: ImageSigner): Uint8Array {
  const { signatures } = parsePeImage(image);
  const entry = certificateEntryOf(image);
  const isSigned = signatures.length > 0;
  const content = Buffer.from(isSigned ? image.subarray(0, entry.start) : padded(image));
  const blob = signatureOf(parsePeImage(isSigned ? image : content).digest, signer);
  const table = Buffer.concat([...signatures, blob].map(tableEntry));
  content.writeUInt32LE(content.length, entry.at);
  content.writeUInt32LE(table.length, entry.at + 4);
  const whole = Buffer.concat([content, table]);
  const checksum = checksumOf(whole);
  whole.writeUInt32LE(peChecksum(whole, checksum), checksum);
  return whole;
}

/** The certificate table begins at a multiple of eight; what fills up to it is hashed too. */
const padded = (bytes: Uint8Array): Uint8Array =>
  Buffer.concat([bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]);

const headerSize = 8;

/** WIN_CERTIFICATE, revision 2.0, PKCS#7 signed data. */
function tableEntry(blob: Uint8Array): Uint8Array {
  const header = Buffer.alloc(headerSize);
  header.writeUInt32LE(headerSize + padded(blob).length, 0);
  header.writeUInt16LE(0x0200, 4);
  header.writeUInt16LE(0x0002, 6);
  return Buffer.concat([header, padded(blob)]);
}

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
const digestAlgorithm = sequence(objectId(oid.sha256), nothing);
const one = der(derTag.integer, Buffer.of(1));

function signatureOf(digest: Uint8Array, { key, certificate }: ImageSigner): Uint8Array {
  const indirect = indirectData(digest);
  const content = childrenBytes(indirect);
  const attributes = setOf(
    sequence(objectId(oid.contentType), setOf(objectId(oid.indirectData))),
    sequence(objectId(oid.messageDigest), setOf(der(derTag.octetString, sha256(content)))),
  );
  // Signed as a SET, carried under another tag (RFC 2315 9.3).
  const carried = Buffer.from(attributes);
  carried[0] = contextTag(0);
  const signerInfo = sequence(
    one,
    issuerAndSerial(certificate),
    digestAlgorithm,
    carried,
    sequence(objectId(oid.rsa), nothing),
    der(derTag.octetString, sign('sha256', attributes, key)),
  );
  return sequence(
    objectId(oid.signedData),
    der(
      contextTag(0),
      sequence(
        one,
        setOf(digestAlgorithm),
        sequence(objectId(oid.indirectData), der(contextTag(0), indirect)),
        der(contextTag(0), certificate),
        setOf(signerInfo),
      ),
    ),
  );
}

/** SpcIndirectDataContent; the file name in it is a relic that every signer writes. */
function indirectData(digest: Uint8Array): Buffer {
  const name = Buffer.from('<<<Obsolete>>>', 'utf16le').swap16();
  const flags = der(derTag.bitString, Buffer.of(0));
  const file = der(contextTag(0), der(contextTag(2), der(0x80, name)));
  return sequence(
    sequence(objectId(oid.peImageData), sequence(flags, file)),
    sequence(digestAlgorithm, der(derTag.octetString, digest)),
  );
}

const childrenBytes = (value: Uint8Array): Buffer =>
  Buffer.concat(childrenOf(parseDer(value)).map(({ raw }) => raw));

/** As they stand in the certificate, RFC 5280 4.1. */
function issuerAndSerial(certificate: Uint8Array): Buffer {
  const [tbs] = sequenceOf(parseDer(certificate));
  const fields = sequenceOf(tbs);
  if (fields[0]?.tag === contextTag(0)) fields.shift();
  const [serial, , issuer] = fields;
  if (serial === undefined || issuer === undefined)
    throw new MosError('invalid', 'cannot sign with the certificate: it has no issuer');
  return sequence(issuer.raw, serial.raw);
}

/** "PE/COFF specification", "CheckSum": 16-bit words with their carries, the field itself left out, and the length. */
function peChecksum(file: Buffer, at: number): number {
  let sum = 0;
  for (let index = 0; index < file.length; index += 2) {
    if (index === at || index === at + 2) continue;
    sum += (file[index] ?? 0) | ((file[index + 1] ?? 0) << 8);
    sum = (sum & 0xffff) + (sum >>> 16);
  }
  return sum + file.length;
}
