import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** Certificates with any flaw, made by a library that the verification doesn't use. */
export type Flaws = {
  readonly name?: string;
  readonly keyType?: KeyKind;
  readonly from?: string;
  readonly until?: string;
  /** undefined: no BasicConstraints at all. */
  readonly isCa?: boolean | undefined;
  readonly pathLength?: number;
  /** KeyUsageFlags; undefined: no KeyUsage at all. */
  readonly keyUsage?: number | undefined;
  readonly purposes?: readonly string[] | undefined;
  readonly serialNumber?: string;
  /** An extension of this type, critical or not. */
  readonly critical?: string;
  readonly uncritical?: string;
};
export type Issued = { readonly pem: Buffer; readonly name: string; readonly keys: webcrypto.CryptoKeyPair };

const kinds = {
  p256: { name: 'ECDSA', namedCurve: 'P-256' },
  p384: { name: 'ECDSA', namedCurve: 'P-384' },
  ed25519: { name: 'Ed25519' },
  rsa2048: {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  },
  rsa1024: {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 1024,
    publicExponent: new Uint8Array([1, 0, 1]),
  },
  rsaSha1: {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-1',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  },
} as const;
export type KeyKind = keyof typeof kinds;

export const product = '7f3a1c52-0f5e-4c0b-9a53-0d0e6c1b2a10';
export const otherProduct = '00000000-1111-4222-8333-444444444444';
export const codeSigning = '1.3.6.1.5.5.7.3.3';
export const serverAuth = '1.3.6.1.5.5.7.3.1';
export const flags = KeyUsageFlags;

export const newKeys = async (kind: KeyKind = 'p256'): Promise<webcrypto.CryptoKeyPair> =>
  (await webcrypto.subtle.generateKey(kinds[kind], true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;

/** A CA as a keyset has it, but for the flaws. */
export const makeCa = (flaws: Flaws = {}, issuer?: Issued): Promise<Issued> =>
  make(
    { name: 'Manifest rootCA', isCa: true, keyUsage: flags.keyCertSign | flags.cRLSign, ...flaws },
    issuer,
  );

/** A project certificate, but for the flaws. */
export const makeLeaf = (issuer: Issued, flaws: Flaws = {}): Promise<Issued> =>
  make(
    {
      name: `manifest PRODUCT:${product}`,
      keyUsage: flags.digitalSignature,
      purposes: [codeSigning],
      ...flaws,
    },
    issuer,
  );

async function make(plan: Flaws & { name: string }, issuer?: Issued): Promise<Issued> {
  const keys = await newKeys(plan.keyType);
  const subject = nameOf({
    '2.5.4.3': plan.name,
    ...(plan.serialNumber === undefined ? {} : { '2.5.4.5': plan.serialNumber }),
  });
  const certificate = await X509CertificateGenerator.create({
    serialNumber: `40${randomBytes(15).toString('hex')}`,
    subject,
    issuer: nameOf({ '2.5.4.3': issuer?.name ?? plan.name }),
    notBefore: new Date(plan.from ?? '2026-02-01T00:00:00Z'),
    notAfter: new Date(plan.until ?? '2046-02-01T00:00:00Z'),
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: { hash: plan.keyType === 'rsaSha1' ? 'SHA-1' : 'SHA-256' },
    extensions: [
      ...(plan.isCa === undefined ? [] : [new BasicConstraintsExtension(plan.isCa, plan.pathLength, true)]),
      ...(plan.keyUsage === undefined ? [] : [new KeyUsagesExtension(plan.keyUsage, true)]),
      ...(plan.purposes === undefined ? [] : [new ExtendedKeyUsageExtension([...plan.purposes])]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...(issuer === undefined ? [] : [await AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey)]),
      ...(plan.uncritical === undefined
        ? []
        : [new Extension(plan.uncritical, false, Buffer.from('0500', 'hex'))]),
      ...(plan.critical === undefined
        ? []
        : [new Extension(plan.critical, true, Buffer.from('0500', 'hex'))]),
    ],
  });
  return { pem: Buffer.from(`${certificate.toString('pem')}\n`), name: plan.name, keys };
}

/** As objects: in a plain string the library would look for quotes and hex digits. */
const nameOf = (parts: Readonly<Record<string, string>>): Name =>
  new Name(Object.entries(parts).map(([type, text]) => ({ [type]: [{ utf8String: text }] })));

/** As openssl makes them: ECDSA in DER. */
export async function signWith(issued: Issued, bytes: Uint8Array): Promise<Uint8Array> {
  const { createSign, KeyObject, sign } = await import('node:crypto');
  const key = KeyObject.from(issued.keys.privateKey);
  if (key.asymmetricKeyType === 'ed25519') return sign(null, bytes, key);
  return createSign('sha256').update(bytes).sign(key);
}
