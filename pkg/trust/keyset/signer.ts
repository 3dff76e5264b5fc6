import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { MosError } from '../../errors/index.ts';
import { folderOf, type Host, readText } from '../../host/index.ts';
import { type Certificate, parseCertificate } from '../certificate.ts';
import { parseCertificatePem } from '../pem.ts';
import { type KeysOptions, projectFolder } from './folder.ts';

/** Signs for one product. The private key stays inside. */
export type Signer = {
  /** PEM bytes, to be published beside the signature. */
  readonly certificate: Uint8Array;
  /** What the manifest must name as its product. */
  readonly product: string;
  /** Raw signature over the exact bytes, as `openssl dgst -sha256 -sign` (Ed25519: `openssl pkeyutl -sign -rawin`) makes it. */
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>;
};

/** `KEYSET:PROJECT` of a command line. */
export function parseProjectName(text: string): { readonly keyset: string; readonly project: string } {
  const [keyset, project, ...rest] = text.split(':');
  if (keyset === undefined || project === undefined || rest.length > 0)
    throw new MosError(
      'usage',
      `cannot use ${JSON.stringify(text.slice(0, 100))} as a project: the form is KEYSET:PROJECT`,
    );
  return { keyset, project };
}

/** Opens the key of a project, and checks that key, certificate and uuid belong together. */
export async function openSigner(
  host: Host,
  keyset: string,
  project: string,
  options: KeysOptions = {},
): Promise<Signer> {
  const folder = await projectFolder(host, keyset, project, options);
  const pair = await readPair(host, folder);
  const product = (await readText(host, `${folder}/uuid`)).trim();
  if (pair.certificate.subject.commonName !== `manifest PRODUCT:${product}`)
    throw new MosError(
      'untrusted',
      `cannot sign with ${keyset}:${project}: its certificate is not for product ${product}`,
    );
  return { certificate: pair.pem, product, sign: async (bytes) => signBytes(pair.key, bytes) };
}

export type Pair = { readonly key: KeyObject; readonly certificate: Certificate; readonly pem: Uint8Array };

/** cert.pem and privkey.pem of a folder; `untrusted` when they are not a pair. */
export const readPair = (host: Host, folder: string): Promise<Pair> =>
  readPairOf(host, `${folder}/cert.pem`, `${folder}/privkey.pem`);

/** The same of any two files. */
export async function readPairOf(host: Host, certificateFile: string, keyFile: string): Promise<Pair> {
  const pem = await host.files.read(certificateFile);
  const [der] = parseCertificatePem(pem);
  if (der === undefined)
    throw new MosError('invalid', `cannot use ${certificateFile}: it holds no certificate`);
  const certificate = parseCertificate(der);
  const key = parsePrivateKey(await host.files.read(keyFile), keyFile);
  const nameOf = (path: string): string => path.slice(folderOf(path).length + 1);
  if (!createPublicKey(key).equals(certificate.key.key))
    throw new MosError(
      'untrusted',
      `cannot use ${folderOf(keyFile)}: ${nameOf(keyFile)} is not the key of ${nameOf(certificateFile)}`,
    );
  return { key, certificate, pem };
}

/** The error never quotes what is in the file. */
function parsePrivateKey(bytes: Uint8Array, path: string): KeyObject {
  try {
    return createPrivateKey(Buffer.from(bytes));
  } catch {
    throw new MosError('invalid', `cannot use ${path}: it is no private key in PEM without a password`);
  }
}

export const signBytes = (key: KeyObject, bytes: Uint8Array): Uint8Array =>
  sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', bytes, key);
