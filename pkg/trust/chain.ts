import { isSignedBy } from './algorithms.ts';
import type { Anchors } from './anchors.ts';
import { type Certificate, nameOfCertificate } from './certificate.ts';
import { clientAuth, codeSigning, serverAuth } from './extensions.ts';
import { isSameName } from './name.ts';
import { nearest, Refusal } from './refusals.ts';
import { isRevoked, type RevocationList } from './revocation.ts';

/** What the leaf must be allowed to do. */
export type Purpose = 'code signing' | 'server authentication' | 'client authentication';
const purposes: Readonly<Record<Purpose, string>> = {
  'code signing': codeSigning,
  'server authentication': serverAuth,
  'client authentication': clientAuth,
};

export type ChainPolicy = {
  readonly anchors: Anchors;
  readonly purpose: Purpose;
  /** undefined: dates don't count (at boot, DESIGN "Trust" 2). */
  readonly time: Date | undefined;
  readonly revoked: readonly RevocationList[];
};

/** The chain from the leaf to the CA that is trusted, the leaf first. Throws a Refusal. */
export function verifyChain(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  policy: ChainPolicy,
): readonly Certificate[] {
  checkLeafUsage(leaf, policy.purpose);
  const chain = findChain([leaf], intermediates, policy);
  for (const certificate of chain) checkDates(certificate, policy.time);
  checkRevoked(chain, policy.revoked);
  return chain;
}

/** Tries each CA of the name that the last one gives as its issuer; trusted ones first. Callers bound `intermediates`. */
function findChain(
  chain: readonly Certificate[],
  intermediates: readonly Certificate[],
  policy: ChainPolicy,
): readonly Certificate[] {
  const last = chain.at(-1) as Certificate;
  const failures: Refusal[] = [];
  for (const [isAnchor, issuers] of [
    [true, policy.anchors.certificates],
    [false, intermediates],
  ] as const)
    for (const issuer of issuers) {
      if (chain.includes(issuer) || !isIssuedBy(last, issuer)) continue;
      try {
        checkIssuer(issuer, chain.length - 1);
        const longer = [...chain, issuer];
        if (isAnchor) return longer;
        return findChain(longer, intermediates, policy);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        failures.push(error);
      }
    }
  throw (
    nearest(failures) ??
    new Refusal('unknown-ca', {
      subject: nameOfCertificate(chain[0] as Certificate),
      anchors: policy.anchors.source,
    })
  );
}

export const isIssuedBy = (certificate: Certificate, issuer: Certificate): boolean =>
  isSameName(certificate.issuer, issuer.subject) &&
  certificate.signatureType === issuer.key.type &&
  isSignedBy(issuer.key, certificate.tbs, certificate.signature);

/** RFC 5280 6.1.4 (k) to (n). A CA without KeyUsage is accepted: the reference makes such. */
function checkIssuer(issuer: Certificate, below: number): void {
  const words = { issuer: nameOfCertificate(issuer) };
  if (!issuer.isCa) throw new Refusal('ca-flag', words);
  if (issuer.keyUsage !== undefined && !issuer.keyUsage.includes('keyCertSign'))
    throw new Refusal('ca-usage', words);
  if (issuer.unknownCritical.length > 0)
    throw new Refusal('ca-critical', { ...words, detail: issuer.unknownCritical.join(', ') });
  if (issuer.pathLength !== undefined && below > issuer.pathLength)
    throw new Refusal('path-length', { ...words, detail: `${below} of ${issuer.pathLength}` });
}

function checkLeafUsage(leaf: Certificate, purpose: Purpose): void {
  const subject = nameOfCertificate(leaf);
  if (leaf.unknownCritical.length > 0)
    throw new Refusal('critical', { subject, detail: leaf.unknownCritical.join(', ') });
  if (!leaf.keyUsage?.includes('digitalSignature')) throw new Refusal('leaf-usage', { subject });
  if (!leaf.extendedKeyUsage?.includes(purposes[purpose]))
    throw new Refusal('leaf-purpose', { subject, detail: purpose });
}

function checkDates(certificate: Certificate, time: Date | undefined): void {
  if (time === undefined) return;
  const subject = nameOfCertificate(certificate);
  if (time < certificate.notBefore)
    throw new Refusal('not-yet-valid', { subject, detail: certificate.notBefore.toISOString() });
  if (time > certificate.notAfter)
    throw new Refusal('expired', { subject, detail: certificate.notAfter.toISOString() });
}

function checkRevoked(chain: readonly Certificate[], revoked: readonly RevocationList[]): void {
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1];
    if (issuer !== undefined && isRevoked(revoked, issuer.key.spki, certificate.serial))
      throw new Refusal('revoked', { subject: nameOfCertificate(certificate) });
  }
}
