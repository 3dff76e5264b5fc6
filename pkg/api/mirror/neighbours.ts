import { isMosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { readSudiAnchors, verifyApiClient, verifyIdentity } from '../../trust/index.ts';
import { freshTrust } from '../server.ts';

/** PEM files of a machine. */
export type NeighbourFiles = {
  /** Our identity and its key. */
  readonly certificate: string;
  readonly key: string;
  /** The API CA, where there is one, and its revocation list. */
  readonly clientCa: string;
  readonly revocations: string;
};

/**
 * Whom a mirror gives images to: machines of its own product, known by their SUDI certificates, and whoever may look at
 * this one by its API. Each request is judged by the clock and the lists of now.
 */
export async function readNeighbours(host: Host, root: string, files: NeighbourFiles, builtAt: Date) {
  const { source } = await readSudiAnchors(host, { root });
  const read = async (path: string): Promise<Buffer> => Buffer.from(await host.files.read(path));
  const [cert, key, sudiCa] = await Promise.all([files.certificate, files.key, source].map(read));
  const { product } = await identityOf(host, source, cert ?? Buffer.alloc(0), builtAt);
  const hasApi = (await host.files.stat(files.clientCa)) !== undefined;
  const ca = [sudiCa, ...(hasApi ? [await read(files.clientCa)] : [])];
  const trust = freshTrust(host, files);
  const isNeighbour = async (certificate: Uint8Array): Promise<boolean> =>
    isTrusted(async () => {
      const identity = await identityOf(host, source, toPem(certificate), builtAt);
      return identity.product === product;
    });
  const isClient = (certificate: Uint8Array): Promise<boolean> =>
    isTrusted(async () => {
      return verifyApiClient(certificate, await trust(), { now: host.clock.now(), builtAt }) !== undefined;
    });
  return {
    tls: { cert, key, ca } as { cert: Buffer; key: Buffer; ca: Buffer[] },
    judgeOf: (certificate: Uint8Array | undefined) => async (): Promise<boolean> =>
      certificate !== undefined &&
      ((await isNeighbour(certificate)) || (hasApi && (await isClient(certificate)))),
  };
}

async function identityOf(host: Host, file: string, pem: Uint8Array, builtAt: Date) {
  const anchors = await readSudiAnchors(host, { file });
  return verifyIdentity(pem, 'the neighbour', { anchors, time: { now: host.clock.now(), builtAt } });
}

/** What is believed of nobody is no failure of ours. */
async function isTrusted(ask: () => Promise<boolean>): Promise<boolean> {
  try {
    return await ask();
  } catch (error) {
    if (isMosError(error)) return false;
    throw error;
  }
}

const toPem = (der: Uint8Array): Buffer =>
  Buffer.from(
    `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`,
  );
