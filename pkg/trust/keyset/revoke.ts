import { webcrypto } from 'node:crypto';
import { MosError } from '../../errors/index.ts';
import { type Host, readTextIfThere, writeAtomic } from '../../host/index.ts';
import { renderPem } from '../pem.ts';
import { newestRevocationLists, revocationLabel } from '../revocation.ts';
import { checkName, folderOfKeys, type KeysOptions, keysetFolder, projectFolder } from './folder.ts';
import { type Issuer, library, toSigningKey } from './issue.ts';
import { readPair } from './signer.ts';
import { lockKeys } from './store.ts';

/** A revocation list of a keyset: of its manifest CA, to be published beside each manifest, or of its API CA. */
export type Revoked = {
  readonly keyset: string;
  readonly path: string;
  readonly number: number;
  /** Serials (hex) of the certificates in the list. */
  readonly serials: readonly string[];
};

const listFile = 'crl.pem';
const crlNumber = '2.5.29.20';

/** Adds the certificate of a project to the list of the manifest CA; what is in it stays in it. */
export async function revokeProject(
  host: Host,
  keyset: string,
  project: string,
  options: KeysOptions = {},
): Promise<Revoked> {
  const base = `${await keysetFolder(host, keyset, options)}/manifest-ca`;
  const folder = await projectFolder(host, keyset, checkName('project', project), options);
  return addToList(host, { keyset, base, folder, name: `${keyset}:${project}` }, options);
}

/** Adds the certificate of a client to the list of the API CA; machines look at it at each request. */
export async function revokeApiClient(
  host: Host,
  keyset: string,
  client: string,
  options: KeysOptions = {},
): Promise<Revoked> {
  const base = `${await keysetFolder(host, keyset, options)}/api-ca`;
  const folder = `${base}/clients/${checkName('client', client)}`;
  if ((await host.files.stat(folder)) === undefined)
    throw new MosError('not-found', `cannot revoke ${client}: there is no ${folder}`);
  return addToList(host, { keyset, base, folder, name: client }, options);
}

type Revoking = {
  readonly keyset: string;
  /** The folder of the CA. */
  readonly base: string;
  /** That of the certificate. */
  readonly folder: string;
  readonly name: string;
};

async function addToList(
  host: Host,
  { keyset, base, folder, name }: Revoking,
  options: KeysOptions,
): Promise<Revoked> {
  const { certificate } = await readPair(host, folder);
  await using _lock = await lockKeys(host, folderOfKeys(host, options), `revoke ${name}`);
  const ca = await readPair(host, base);
  const path = `${base}/${listFile}`;
  const anchors = { source: `${base}/cert.pem`, certificates: [ca.certificate] };
  const text = await readTextIfThere(host, path);
  const [before] = text === undefined ? [] : newestRevocationLists([Buffer.from(text)], anchors);
  if (text !== undefined && before === undefined)
    throw new MosError('corrupt', `cannot revoke ${name}: ${path} is no list of this CA`);
  const serials = [...new Set([...(before?.serials ?? []), certificate.serial])];
  const number = Number((before?.number ?? 0n) + 1n);
  const issuer = { der: ca.certificate.der, key: ca.key };
  await writeAtomic(host, path, await issueList(issuer, serials, number, host.clock.now()), { mode: 0o640 });
  return { keyset, path, number, serials };
}

async function issueList(ca: Issuer, serials: readonly string[], number: number, now: Date): Promise<string> {
  const x509 = await library();
  const issuer = new x509.X509Certificate(ca.der);
  const list = await x509.X509CrlGenerator.create(
    {
      issuer: issuer.subjectName,
      thisUpdate: now,
      nextUpdate: issuer.notAfter, // revoked stays revoked
      // A reason too: without any the library writes an empty list of extensions, which RFC 5280 5.1 forbids.
      entries: serials.map((serialNumber) => ({
        serialNumber,
        revocationDate: now,
        reason: x509.X509CrlReason.keyCompromise,
      })),
      signingAlgorithm: { hash: 'SHA-256' },
      signingKey: await toSigningKey(ca.key),
      extensions: [new x509.Extension(crlNumber, false, derInteger(number))],
    },
    webcrypto,
  );
  return renderPem(revocationLabel, new Uint8Array(list.rawData));
}

/** DER of a number below 2^31. */
function derInteger(number: number): Uint8Array {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32BE(number, 1);
  let start = 0;
  while (start < 4 && bytes[start] === 0 && (bytes[start + 1] ?? 0) < 0x80) start++;
  return Buffer.from([0x02, 5 - start, ...bytes.subarray(start)]);
}
