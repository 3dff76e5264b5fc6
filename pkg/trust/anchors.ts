import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { parseCertificatePem } from './pem.ts';

/** The CAs that are trusted, and the file they came from (for messages). */
export type Anchors = { readonly source: string; readonly certificates: readonly Certificate[] };

export type AnchorOptions = {
  /** `--ca FILE`: when given, it alone counts. */
  readonly file?: string | undefined;
  /** The root directory that holds `factory/secure`, without a slash at its end; default the machine's own. */
  readonly root?: string | undefined;
};

/** Below the root: the installed machine's, then where an initrd has it. */
const manifestPlaces = ['/factory/secure/manifestCA.pem', '/manifestCA.pem'] as const;
const sudiPlaces = ['/factory/secure/sudiCA.pem', '/sudiCA.pem'] as const;

const apiPlaces = ['/factory/secure/apiCA.pem'] as const;

/** The manifest CAs. A file may hold several (rotation). */
export const readAnchors = (host: Host, options: AnchorOptions = {}): Promise<Anchors> =>
  readFrom(host, 'manifest CA', manifestPlaces, options);

/** The CAs that sign the identity certificates of machines. */
export const readSudiAnchors = (host: Host, options: AnchorOptions = {}): Promise<Anchors> =>
  readFrom(host, 'SUDI CA', sudiPlaces, options);

/** The CAs that sign the certificates of those who may call the machine's API. */
export const readApiAnchors = (host: Host, options: AnchorOptions = {}): Promise<Anchors> =>
  readFrom(host, 'API CA', apiPlaces, options);

async function readFrom(
  host: Host,
  what: string,
  places: readonly string[],
  { file, root = '' }: AnchorOptions,
): Promise<Anchors> {
  const base = root === '/' ? '' : root;
  const source =
    file ??
    (await firstThere(
      host,
      places.map((place) => `${base}${place}`),
    ));
  if (source === undefined)
    throw new MosError('not-found', `cannot find the ${what}: there is no ${base}${places[0]}`, {
      hint: 'copy cert.pem of the keyset there, or name a file with --ca',
    });
  return parseAnchors(await host.files.read(source), source, what);
}

/** One that exists is used, or is the error: the next is never tried because of a file that can't be read. */
async function firstThere(host: Host, paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if ((await host.files.stat(path)) !== undefined) return path;
  return undefined;
}

/** PEM bytes to anchors; `source` names them in messages. */
export function parseAnchors(bytes: Uint8Array, source: string, what = 'manifest CA'): Anchors {
  const cannot = (why: string, more: { readonly hint?: string } = {}): MosError =>
    new MosError('untrusted', `cannot use ${source} as the ${what}: ${why}`, more);
  let certificates: Certificate[];
  try {
    certificates = parseCertificatePem(bytes).map(parseCertificate);
  } catch (error) {
    if (!(error instanceof MosError)) throw error;
    throw cannot(error.message.replace(/^cannot /, 'one cannot '));
  }
  if (certificates.length === 0)
    throw cannot('there is no certificate in it', {
      hint: `it must be PEM; a DER file becomes one by: openssl x509 -inform DER -in ${source} -out ca.pem`,
    });
  return { source, certificates };
}
