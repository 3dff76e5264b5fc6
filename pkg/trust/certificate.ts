import { MosError } from '../errors/index.ts';
import { type KeyType, type PublicKey, parsePublicKey, readSignatureAlgorithm } from './algorithms.ts';
import {
  contextTag,
  derTag,
  expectTag,
  parseDer,
  readBits,
  readTime,
  readUnsigned,
  sequenceOf,
} from './der.ts';
import { type Extensions, readExtensions } from './extensions.ts';
import { type Name, readName } from './name.ts';

/** What verification looks at in an X.509 certificate (RFC 5280 section 4.1). Made by `parseCertificate` only. */
export type Certificate = Extensions & {
  readonly der: Uint8Array;
  /** The part that is signed. */
  readonly tbs: Uint8Array;
  readonly serial: string;
  readonly issuer: Name;
  readonly subject: Name;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly key: PublicKey;
  readonly signatureType: KeyType;
  readonly signature: Uint8Array;
};

const largest = 64 * 1024;

/** DER bytes to a certificate. `invalid` when malformed, `untrusted` for keys and algorithms outside the allow-list. */
export function parseCertificate(der: Uint8Array): Certificate {
  if (der.length > largest) throw new MosError('invalid', 'cannot read the certificate: it is too large');
  const [body, outer, signature, ...rest] = sequenceOf(parseDer(der));
  const tbs = expectTag(body, derTag.sequence);
  const fields = sequenceOf(tbs);
  const version = fields[0]?.tag === contextTag(0) ? fields.shift() : undefined;
  const [serial, inner, issuer, validity, subject, spki, ...optional] = fields;
  if (
    rest.length > 0 ||
    outer === undefined ||
    inner === undefined ||
    !Buffer.from(outer.raw).equals(inner.raw)
  )
    throw new MosError('invalid', 'cannot read the certificate: it names two signature algorithms');
  const [notBefore, notAfter] = sequenceOf(validity);
  return {
    der,
    tbs: tbs.raw,
    serial: readUnsigned(serial),
    issuer: readName(issuer),
    subject: readName(subject),
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    key: parsePublicKey(expectTag(spki, derTag.sequence)),
    signatureType: readSignatureAlgorithm(outer),
    signature: readBits(signature),
    ...readExtensions(version, optional),
  };
}

/** `CN` of the subject, or its serial number: how a message names it. */
export const nameOfCertificate = (certificate: Certificate): string =>
  certificate.subject.commonName ?? `serial ${certificate.serial}`;
