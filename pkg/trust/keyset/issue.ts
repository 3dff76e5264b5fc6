import { type KeyObject, randomBytes, webcrypto } from 'node:crypto';
import type { Extension } from '@peculiar/x509';
import type { KeyType } from '../algorithms.ts';
import { clientAuth, codeSigning, serverAuth } from '../extensions.ts';
import { renderPem } from '../pem.ts';
import type { CertificatePlan, CertificateUse } from './plan.ts';

/** A new key with its certificate, as the files of a keyset hold them: PKCS#8 and X.509, in PEM. */
export type Credentials = { readonly certificate: string; readonly key: string };

/** A CA that signs: its certificate and key. */
export type Issuer = { readonly der: Uint8Array; readonly key: KeyObject };

const { subtle } = webcrypto;
type Keys = { readonly publicKey: webcrypto.CryptoKey; readonly privateKey: webcrypto.CryptoKey };

const algorithms = {
  rsa: {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  },
  ecdsa: { name: 'ECDSA', namedCurve: 'P-256' },
  ed25519: { name: 'Ed25519' },
} as const satisfies Record<KeyType, object>;

/** RFC 5280 appendix A.1 */
const nameTypes = { O: '2.5.4.10', OU: '2.5.4.11', CN: '2.5.4.3', SERIALNUMBER: '2.5.4.5' } as const;

/** The string type that Go chooses, so that our names are those of the reference. X.680 41.4 has the printable ones. */
const toText = (text: string) =>
  /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text) ? { printableString: text } : { utf8String: text };

const purposes: Readonly<Record<CertificateUse, readonly string[]>> = {
  ca: [],
  signing: [codeSigning],
  exchange: [],
  identity: [serverAuth, clientAuth],
  client: [clientAuth],
};

/** Several at once: the runtime makes keys in its thread pool, so all cores work. */
export const generateKeys = async (type: KeyType): Promise<Keys> =>
  (await subtle.generateKey(algorithms[type], true, ['sign', 'verify'])) as Keys;

/** The library registers itself by decorators and is slow to load: only what makes certificates loads it. */
export async function library() {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

/** Makes the certificate of `plan` for the keys, signed by the issuer or, without one, by itself. */
export async function issue(plan: CertificatePlan, keys: Keys, issuer?: Issuer): Promise<Credentials> {
  const x509 = await library();
  const subject = new x509.Name(
    plan.subject.map(({ type, values }) => ({ [nameTypes[type]]: values.map(toText) })),
  );
  const ca = issuer === undefined ? undefined : new x509.X509Certificate(issuer.der);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: newSerial(),
      subject,
      issuer: ca?.subjectName ?? subject, // the very bytes of the CA's name: issuers are found by them
      notBefore: plan.notBefore,
      notAfter: plan.notAfter,
      publicKey: keys.publicKey,
      signingKey: issuer === undefined ? keys.privateKey : await toSigningKey(issuer.key),
      extensions: await extensionsOf(x509, plan, keys, ca),
    },
    webcrypto,
  );
  const pkcs8 = await subtle.exportKey('pkcs8', keys.privateKey);
  return {
    certificate: renderPem('CERTIFICATE', new Uint8Array(certificate.rawData)),
    key: renderPem('PRIVATE KEY', new Uint8Array(pkcs8)),
  };
}

/** 16 random bytes; the first is neither zero nor negative, so that every tool shows the same number. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

async function extensionsOf(
  x509: Awaited<ReturnType<typeof library>>,
  plan: CertificatePlan,
  keys: Keys,
  ca: InstanceType<(typeof x509)['X509Certificate']> | undefined,
): Promise<Extension[]> {
  const flags = x509.KeyUsageFlags;
  const isRsaIdentity = plan.use === 'identity' && plan.keyType === 'rsa';
  const usage =
    plan.use === 'ca'
      ? flags.keyCertSign | flags.cRLSign
      : flags.digitalSignature | (isRsaIdentity ? flags.keyEncipherment | flags.dataEncipherment : 0);
  const extended = purposes[plan.use];
  const ownId = await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto);
  const caId = ca?.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  return [
    new x509.KeyUsagesExtension(usage, true),
    ...(extended.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension([...extended])]),
    ...(plan.use === 'ca' ? [new x509.BasicConstraintsExtension(true, undefined, true)] : []),
    ownId,
    ...(caId === undefined ? [] : [new x509.AuthorityKeyIdentifierExtension(caId)]),
  ];
}

export async function toSigningKey(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const type: KeyType =
    key.asymmetricKeyType === 'rsa' ? 'rsa' : key.asymmetricKeyType === 'ed25519' ? 'ed25519' : 'ecdsa';
  const pkcs8 = key.export({ format: 'der', type: 'pkcs8' });
  return subtle.importKey('pkcs8', pkcs8, algorithms[type], false, ['sign']);
}
