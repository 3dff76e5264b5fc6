import { rootCertificates } from 'node:tls';
import { isMosError, MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';

/** Where distributions keep the certificates that the machine trusts: Debian, Fedora, Alpine. */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
] as const;

/** Where docker, podman and skopeo look for the CA of one registry: `<folder>/<host:port>/*.crt`. */
const certificateFolders = ['/etc/containers/certs.d', '/etc/docker/certs.d'] as const;

/**
 * Tells the PEM certificates to trust for a URL: the machine's (the runtime's where it has none), those of the host's certs.d
 * folder, `more` (PEM), and `ca`, which counts for each host because a token server or store often has the same private CA. The
 * environment is not asked: it must not decide about trust.
 */
export function trustedRoots(
  host: Host,
  ca: string | undefined,
  more?: string,
): (url: URL) => Promise<readonly string[]> {
  let shared: Promise<readonly string[]> | undefined;
  return async (url) => {
    shared ??= readShared(host, ca);
    return [...(more === undefined ? [] : [more]), ...(await shared), ...(await readFolders(host, url.host))];
  };
}

async function readShared(host: Host, ca: string | undefined): Promise<readonly string[]> {
  const own = ca === undefined ? [] : [await readPem(host, ca)];
  for (const file of systemBundles) {
    const bundle = await ifThere(host.files.read(file));
    if (bundle !== undefined) return [...own, text(bundle)];
  }
  return [...own, ...rootCertificates];
}

/** True where a certs.d folder has a CA for the registry. */
export const hasOwnRoots = async (host: Host, registry: string): Promise<boolean> =>
  (await readFolders(host, registry)).length > 0;

async function readFolders(host: Host, registry: string): Promise<string[]> {
  const home = host.machine.environment('HOME');
  const own = home?.startsWith('/') ? [`${home}/.config/containers/certs.d`] : [];
  const found: string[] = [];
  for (const folder of [...own, ...certificateFolders].map((path) => `${path}/${registry}`))
    for (const name of (await ifThere(host.files.list(folder))) ?? [])
      if (name.endsWith('.crt')) found.push(await readPem(host, `${folder}/${name}`));
  return found;
}

async function readPem(host: Host, file: string): Promise<string> {
  const pem = text(await host.files.read(file));
  if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
  throw new MosError('invalid', `cannot use ${file} as a registry's CA: it is no PEM certificate`, {
    hint: `a DER file becomes one by: openssl x509 -inform DER -in ${file} -out ca.pem`,
  });
}

async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isMosError(error, 'not-found')) return undefined;
    throw error;
  }
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
