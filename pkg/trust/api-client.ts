import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { type AnchorOptions, type Anchors, readApiAnchors } from './anchors.ts';
import { type Certificate, nameOfCertificate, parseCertificate } from './certificate.ts';
import { verifyChain } from './chain.ts';
import { type AcceptanceTime, checkClock } from './document.ts';
import { Refusal, refusalError } from './refusals.ts';
import { newestRevocationLists, type RevocationList } from './revocation.ts';

/** What a client may do; each may do what those before it may. */
export const apiRoles = ['reader', 'operator', 'admin'] as const;
export type ApiRole = (typeof apiRoles)[number];

/** Who calls, as the certificate says it. */
export type ApiClient = {
  readonly name: string;
  readonly role: ApiRole;
  readonly serial: string;
  /** The dates between which all of its chain is valid: with the same trust nothing else can change the answer. */
  readonly from: Date;
  readonly until: Date;
};

/** Whom a machine's API listens to. */
export type ApiTrust = { readonly anchors: Anchors; readonly revoked: readonly RevocationList[] };

/** `known` is what was read before: an older list in the place of a newer one, or none, takes nothing of it back. */
export const readApiTrust = async (
  host: Host,
  options: AnchorOptions & { readonly revocations: string },
  known?: ApiTrust,
): Promise<ApiTrust> => {
  const anchors = await readApiAnchors(host, options);
  const { revocations } = options;
  const isThere = (await host.files.stat(revocations)) !== undefined;
  const lists = isThere ? [await host.files.read(revocations)] : [];
  // A list that can't be believed must not open the door again for whom the true one shut out.
  if (isThere && newestRevocationLists(lists, anchors).length === 0)
    throw refusalError(revocations, new Refusal('signature'));
  const before = (known?.revoked ?? []).map(({ der }) => der);
  return { anchors, revoked: newestRevocationLists([...before, ...lists], anchors) };
};

/** Control characters, marks of direction, ends of lines and paragraphs: a name is written into logs and terminals. */
const unspeakable = /[\p{C}\p{Zl}\p{Zp}]/u;
const pattern = /^ROLE:([a-z]+)$/;

/**
 * The client of a certificate (DER). Asked at each request: dates and revocation change while a connection lives, and a
 * resumed TLS session was never judged again. Throws `untrusted`.
 */
export function verifyApiClient(der: Uint8Array, trust: ApiTrust, time: AcceptanceTime): ApiClient {
  const now = checkClock(time);
  try {
    const leaf = readLeaf(der);
    const chain = verifyChain(leaf, [], {
      anchors: trust.anchors,
      purpose: 'client authentication',
      time: now,
      revoked: trust.revoked,
    });
    const name = leaf.subject.commonName;
    const role = apiRoles.find((one) => one === pattern.exec(leaf.subject.serialNumber ?? '')?.[1]);
    if (name !== undefined && unspeakable.test(name))
      throw new Refusal('malformed', { detail: 'its name has characters that are none of a name' });
    if (name === undefined || role === undefined)
      throw new Refusal('no-role', { subject: nameOfCertificate(leaf) });
    const from = new Date(Math.max(...chain.map(({ notBefore }) => notBefore.getTime())));
    const until = new Date(Math.min(...chain.map(({ notAfter }) => notAfter.getTime())));
    return { name, role, serial: leaf.serial, from, until };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new MosError('untrusted', `cannot trust the client: ${error.message}`, {
      hint: 'make a new certificate: trust api-client add',
    });
  }
}

function readLeaf(der: Uint8Array): Certificate {
  try {
    return parseCertificate(der);
  } catch {
    throw new Refusal('malformed', { detail: 'it cannot be read' });
  }
}
