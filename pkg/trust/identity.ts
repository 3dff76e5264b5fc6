import { MosError, messageOf } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { type AnchorOptions, type Anchors, readSudiAnchors } from './anchors.ts';
import { type Certificate, nameOfCertificate } from './certificate.ts';
import { verifyChain } from './chain.ts';
import { type AcceptanceTime, checkClock, readCertificates } from './document.ts';
import { readPairOf } from './keyset/signer.ts';
import { Refusal, refusalError } from './refusals.ts';

/** What the identity certificate (SUDI) says the machine is. */
export type MachineIdentity = { readonly product: string; readonly serial: string };

export type IdentityPolicy = { readonly anchors: Anchors; readonly time: AcceptanceTime | 'at boot' };

const serverCertificate = '/factory/secure/server.crt';

/** serialNumber of the subject, FORMATS 5. */
const pattern = /^PID:([A-Za-z0-9][A-Za-z0-9._-]{0,127}) SN:([^\p{C}]{1,64})$/u;

/** PEM bytes of `server.crt`. Throws `untrusted`. */
export function verifyIdentity(pem: Uint8Array, name: string, policy: IdentityPolicy): MachineIdentity {
  const time = policy.time === 'at boot' ? undefined : checkClock(policy.time);
  try {
    return readIdentityName(verifiedLeaf(pem, policy.anchors, time));
  } catch (error) {
    throw error instanceof Refusal ? refusalError(name, error) : error;
  }
}

/** The certificate of a machine that a SUDI CA vouches for. Throws a Refusal. */
export function verifiedLeaf(pem: Uint8Array, anchors: Anchors, time: Date | undefined): Certificate {
  const [leaf, ...between] = readCertificates(pem);
  verifyChain(leaf, between, { anchors, purpose: 'server authentication', time, revoked: [] });
  return leaf;
}

export function readIdentityName(leaf: Certificate): MachineIdentity {
  const [, product, serial] = pattern.exec(leaf.subject.serialNumber ?? '') ?? [];
  if (product === undefined || serial === undefined)
    throw new Refusal('no-identity', { subject: nameOfCertificate(leaf) });
  return { product, serial };
}

/**
 * The identity of the machine below `root`; undefined where it has none. One that is there must be believable: a
 * certificate without a SUDI CA to check it against is an error.
 */
export async function readMachineIdentity(
  host: Host,
  options: AnchorOptions & { readonly time: AcceptanceTime | 'at boot' },
): Promise<MachineIdentity | undefined> {
  const path = `${options.root === '/' ? '' : (options.root ?? '')}${serverCertificate}`;
  if ((await host.files.stat(path)) === undefined) return undefined;
  const anchors = await readSudiAnchors(host, options).catch((error: unknown) => {
    throw new MosError('untrusted', `cannot trust ${path}: ${messageOf(error)}`, { cause: error });
  });
  return verifyIdentity(await host.files.read(path), path, { anchors, time: options.time });
}

/** PEM bytes of an identity certificate and its key, and whom they name. */
export type IdentityPair = {
  readonly identity: MachineIdentity;
  readonly certificate: Uint8Array;
  readonly key: Uint8Array;
};

/** A certificate that a SUDI CA vouches for, with the key that belongs to it. */
export async function readIdentityPair(
  host: Host,
  certificate: string,
  key: string,
  policy: IdentityPolicy,
): Promise<IdentityPair> {
  const { pem } = await readPairOf(host, certificate, key);
  return {
    identity: verifyIdentity(pem, certificate, policy),
    certificate: pem,
    key: await host.files.read(key),
  };
}
