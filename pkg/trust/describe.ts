import { createHash } from 'node:crypto';
import { isSignedBy, type KeyType } from './algorithms.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { childrenOf, parseDer, readObjectId, readText, sequenceOf } from './der.ts';
import { productOf } from './document.ts';
import { parseCertificatePem } from './pem.ts';

/** A certificate for people to look at. It says nothing about whether anybody should believe it. */
export type CertificateFacts = {
  readonly subject: string;
  readonly issuer: string;
  /** Hex, as openssl shows it. */
  readonly serial: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly keyType: KeyType;
  /** SHA-256 of the DER bytes, hex. */
  readonly fingerprint: string;
  readonly product?: string;
};

/** Every certificate of a PEM text. `invalid` when malformed, `untrusted` for keys that are never accepted. */
export const describeCertificates = (pem: Uint8Array): CertificateFacts[] =>
  parseCertificatePem(pem).map((der) => describe(parseCertificate(der)));

function describe(certificate: Certificate): CertificateFacts {
  const product = productOf(certificate);
  return {
    subject: renderName(certificate.subject.raw),
    issuer: renderName(certificate.issuer.raw),
    serial: certificate.serial.replace(/^00(?=.)/, ''),
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
    keyType: certificate.key.type,
    fingerprint: createHash('sha256').update(certificate.der).digest('hex'),
    ...(product === undefined ? {} : { product }),
  };
}

/** True where the key of the first certificate made the signature: to show which of several belong together. */
export function signatureFits(pem: Uint8Array, signature: Uint8Array, bytes: Uint8Array): boolean {
  const [der] = parseCertificatePem(pem);
  return der !== undefined && isSignedBy(parseCertificate(der).key, bytes, signature);
}

/** RFC 4519 */
const shortNames: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
};

/** `O=Acme, OU=…, CN=…`, in the order of the certificate; commas in a value are escaped as in RFC 4514. */
function renderName(raw: Uint8Array): string {
  const attributes = sequenceOf(parseDer(raw)).flatMap((set) => childrenOf(set));
  return attributes
    .map((attribute) => {
      const [type, value] = sequenceOf(attribute);
      const name = readObjectId(type);
      const text = value === undefined ? undefined : readText(value);
      return `${shortNames[name] ?? name}=${(text ?? '?').replaceAll(/[,+\\]/g, '\\$&')}`;
    })
    .join(', ');
}
