import { createHash } from 'node:crypto';
import { MosError } from '../errors/index.ts';
import { isSignedBy } from './algorithms.ts';
import type { Anchors } from './anchors.ts';
import { type Certificate, nameOfCertificate, parseCertificate } from './certificate.ts';
import { verifyChain } from './chain.ts';
import { parseCertificatePem } from './pem.ts';
import { nearest, Refusal, refusalError } from './refusals.ts';
import type { RevocationList } from './revocation.ts';

/** What came from a registry, a disk or a person. Nothing of it is believed yet. */
export type Evidence = {
  /** How messages name it: `host/machine/install:1.0.0`. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** PEM each: the signer's certificate, CAs between it and the trusted one after it. */
  readonly certificates: readonly Uint8Array[];
  /** Raw signatures. Each certificate is tried with each signature; strangers among them do no harm. */
  readonly signatures: readonly Uint8Array[];
};

/** The clock, and when this program was built: no sane clock is earlier. */
export type AcceptanceTime = { readonly now: Date; readonly builtAt: Date };

export type Policy = {
  readonly anchors: Anchors;
  /** The machine's product; undefined where it isn't fixed yet (first install without SUDI). */
  readonly product?: string | undefined;
  /** Dates count when something is accepted, not when what was accepted boots again. */
  readonly time: AcceptanceTime | 'at boot';
  /** From `newestRevocationLists`. */
  readonly revoked?: readonly RevocationList[] | undefined;
};

/** Who signed which bytes. */
export type Proof = {
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes, hex: the name of the document in manifest.git. */
  readonly sha: string;
  /** The PEM bytes and the signature of the pair that fits. */
  readonly certificate: Uint8Array;
  readonly signature: Uint8Array;
  /** The product that the certificate is for. */
  readonly product: string;
};

/** Subject of a project certificate, FORMATS 5. */
const productName = /^manifest PRODUCT:([A-Za-z0-9][A-Za-z0-9._-]{0,127})$/;

export const productOf = (certificate: Certificate): string | undefined =>
  productName.exec(certificate.subject.commonName ?? '')?.[1];

/** The first of `proofsOf`. */
export const verifyEvidence = (evidence: Evidence, policy: Policy): Proof => proofsOf(evidence, policy)[0];

/**
 * Every certificate that may sign and has a signature that fits the exact bytes, of the machine's product; at least
 * one, or an error. More than one: keys are being rotated, or another project of the keyset signed the bytes too, which
 * must not hide the one that is meant.
 */
export function proofsOf(evidence: Evidence, policy: Policy): readonly [Proof, ...Proof[]] {
  const time = policy.time === 'at boot' ? undefined : checkClock(policy.time);
  const proofs: Proof[] = [];
  const failures: Refusal[] = [];
  for (const pem of distinct(evidence.certificates))
    try {
      proofs.push(verifyWith(pem, evidence, policy, time));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      failures.push(error);
    }
  const [first, ...rest] = proofs;
  if (first !== undefined) return [first, ...rest];
  throw refusalError(evidence.name, nearest(failures) ?? new Refusal('no-certificate'), failures.length - 1);
}

/** The proof of the product that the document itself names. */
export function proofFor(name: string, proofs: readonly [Proof, ...Proof[]], product: string): Proof {
  const proof = proofs.find((candidate) => candidate.product === product);
  if (proof !== undefined) return proof;
  throw refusalError(
    name,
    new Refusal('manifest-product', { detail: `${proofs[0].product}, it names ${product}` }),
  );
}

/** A clock that can't be right judges no dates. */
export function checkClock({ now, builtAt }: AcceptanceTime): Date {
  if (now >= builtAt) return now;
  throw new MosError(
    'state',
    `cannot judge dates: the clock says ${now.toISOString()}, but this program was built at ${builtAt.toISOString()}`,
    { hint: 'set the clock and try again' },
  );
}

function verifyWith(pem: Uint8Array, evidence: Evidence, policy: Policy, time: Date | undefined): Proof {
  const [leaf, ...between] = readCertificates(pem);
  verifyChain(leaf, between, {
    anchors: policy.anchors,
    purpose: 'code signing',
    time,
    revoked: policy.revoked ?? [],
  });
  const product = productOf(leaf);
  if (product === undefined) throw new Refusal('no-product', { subject: nameOfCertificate(leaf) });
  if (evidence.signatures.length === 0) throw new Refusal('no-signature');
  const signature = distinct(evidence.signatures).find((s) => isSignedBy(leaf.key, evidence.bytes, s));
  if (signature === undefined) throw new Refusal('signature');
  if (policy.product !== undefined && policy.product !== product)
    throw new Refusal('machine-product', { detail: `${product}, this machine is ${policy.product}` });
  const sha = createHash('sha256').update(evidence.bytes).digest('hex');
  return { bytes: evidence.bytes, sha, certificate: pem, signature, product };
}

/** Leaf and CAs below the trusted one: crossed certificates of a stranger must not cost time without end. */
const longestChain = 4;

/** At least one. Whatever is wrong with the bytes of a stranger becomes a Refusal, never a crash. */
export function readCertificates(pem: Uint8Array): readonly [Certificate, ...Certificate[]] {
  try {
    const blocks = parseCertificatePem(pem);
    if (blocks.length > longestChain)
      throw new Refusal('malformed', { detail: `more than ${longestChain} in a row` });
    const [leaf, ...rest] = blocks.map(parseCertificate);
    if (leaf !== undefined) return [leaf, ...rest];
  } catch (error) {
    if (error instanceof Refusal) throw error;
    // What the runtime said is left out: it differs between runtimes, and helps nobody.
    if (!(error instanceof MosError)) throw new Refusal('malformed', { detail: 'it cannot be read' });
    throw new Refusal(error.code === 'untrusted' ? 'key-type' : 'malformed', { detail: error.message });
  }
  throw new Refusal('malformed', { detail: 'it is not PEM' });
}

function distinct(items: readonly Uint8Array[]): Uint8Array[] {
  const seen = new Map(items.map((item) => [Buffer.from(item).toString('latin1'), item]));
  return [...seen.values()];
}
