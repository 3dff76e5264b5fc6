import { createHash } from 'node:crypto';
import { MosError } from '../../errors/index.ts';
import { isSignedBy, type PublicKey } from '../algorithms.ts';
import {
  childrenOf,
  contextTag,
  type Der,
  derTag,
  expectTag,
  parseDer,
  parseDerPrefix,
  readObjectId,
  readUnsigned,
  sequenceOf,
} from '../der.ts';

/** A PKCS#7 signature (RFC 2315) over the digest of a PE image. */
export type ImageSignature = {
  /** What it says the SHA-256 of the image is. */
  readonly imageDigest: Uint8Array;
  /** Name (DER) and serial (hex) of the signer's certificate. */
  readonly issuer: Uint8Array;
  readonly serial: string;
  /** DER of the certificates that came with it, unread. */
  readonly certificates: readonly Uint8Array[];
  readonly isSignedBy: (key: PublicKey) => boolean;
};

/** RFC 2315 section 14; Authenticode; RFC 8017; RFC 5754. */
export const oid = {
  signedData: '1.2.840.113549.1.7.2',
  indirectData: '1.3.6.1.4.1.311.2.1.4',
  peImageData: '1.3.6.1.4.1.311.2.1.15',
  sha256: '2.16.840.1.101.3.4.2.1',
  rsa: '1.2.840.113549.1.1.1',
  sha256WithRsa: '1.2.840.113549.1.1.11',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
} as const;

/** The signer's and CAs above it; each may be tried as the issuer of each other. */
const mostCertificates = 6;

const bad = (why: string): MosError => new MosError('invalid', `cannot read the signature: ${why}`);
const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** Throws `invalid`. Nothing of it is believed until `isSignedBy` said yes. */
export function parseImageSignature(blob: Uint8Array): ImageSignature {
  const whole = parseDerPrefix(blob);
  // signtool fills the blob up to a multiple of 8 bytes.
  const rest = blob.subarray(whole.raw.length);
  if (rest.length > 7 || rest.some((byte) => byte !== 0)) throw bad('bytes follow it');
  const [type, explicit] = sequenceOf(whole);
  if (readObjectId(type) !== oid.signedData) throw bad('it is no signed data');
  const [, , content, ...optional] = sequenceOf(parseDer(expectTag(explicit, contextTag(0)).content));
  const certificates = optional[0]?.tag === contextTag(0) ? childrenOf(optional.shift() as Der) : [];
  if (optional[0]?.tag === contextTag(1)) optional.shift(); // revocation lists
  if (certificates.length > mostCertificates)
    throw bad(`it brings more than ${mostCertificates} certificates`);
  const [signer, ...more] = childrenOf(expectTag(optional[0], derTag.set));
  if (signer === undefined || more.length > 0) throw bad('it has not exactly one signer');
  const indirect = readContent(content);
  return {
    imageDigest: readImageDigest(indirect),
    certificates: certificates.map((certificate) => certificate.raw),
    ...readSigner(signer, indirect),
  };
}

/** The SpcIndirectDataContent inside the content. */
function readContent(content: Der | undefined): Der {
  const [type, explicit] = sequenceOf(content);
  if (readObjectId(type) !== oid.indirectData) throw bad('it is not over the digest of an image');
  return parseDer(expectTag(explicit, contextTag(0)).content, derTag.sequence);
}

function readImageDigest(indirect: Der): Uint8Array {
  const [data, digestInfo] = childrenOf(indirect);
  if (readObjectId(sequenceOf(data)[0]) !== oid.peImageData)
    throw bad('it is not over the digest of a PE image');
  const [algorithm, digest] = sequenceOf(digestInfo);
  requireAlgorithm(algorithm, [oid.sha256]);
  return expectTag(digest, derTag.octetString).content;
}

function requireAlgorithm(value: Der | undefined, allowed: readonly string[]): void {
  const name = readObjectId(sequenceOf(value)[0]);
  if (!allowed.includes(name)) throw bad(`its algorithm ${name} is not accepted`);
}

/** SignerInfo, RFC 2315 9.2, with the attributes that Authenticode asks for. */
function readSigner(signer: Der, indirect: Der): Pick<ImageSignature, 'issuer' | 'serial' | 'isSignedBy'> {
  const [, identity, digestAlgorithm, attributes, signatureAlgorithm, signature] = sequenceOf(signer);
  const [issuer, serial] = sequenceOf(identity);
  requireAlgorithm(digestAlgorithm, [oid.sha256]);
  requireAlgorithm(signatureAlgorithm, [oid.rsa, oid.sha256WithRsa]);
  checkAttributes(expectTag(attributes, contextTag(0)), indirect);
  const value = expectTag(signature, derTag.octetString).content;
  // The signature is over the attributes as a SET, not under the tag they have here (RFC 2315 9.3).
  const signed = Buffer.from((attributes as Der).raw);
  signed[0] = derTag.set;
  return {
    issuer: expectTag(issuer, derTag.sequence).raw,
    serial: readUnsigned(serial),
    isSignedBy: (key) => key.type === 'rsa' && isSignedBy(key, signed, value),
  };
}

/** Content type and digest of the content: they tie the attributes, which are signed, to the content. */
function checkAttributes(attributes: Der, indirect: Der): void {
  const values = new Map<string, Der>();
  for (const attribute of childrenOf(attributes)) {
    const [type, set] = sequenceOf(attribute);
    const [value, ...more] = childrenOf(expectTag(set, derTag.set));
    const name = readObjectId(type);
    if (value === undefined || more.length > 0 || values.has(name))
      throw bad('an attribute has not exactly one value');
    values.set(name, value);
  }
  if (readObjectId(values.get(oid.contentType)) !== oid.indirectData)
    throw bad('its attributes are of other content');
  const digest = expectTag(values.get(oid.messageDigest), derTag.octetString).content;
  if (!sha256(indirect.content).equals(digest)) throw bad('its content was changed after it was signed');
}
