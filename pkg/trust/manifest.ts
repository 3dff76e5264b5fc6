import { type InstallManifest, parseInstallManifest } from '../manifest/index.ts';
import { type Evidence, type Policy, type Proof, proofFor, proofsOf } from './document.ts';
import { Refusal, refusalError } from './refusals.ts';
import { markVerified, type Verified } from './verified.ts';

export type VerifiedManifest = Proof & {
  readonly manifest: Verified<InstallManifest>;
  /** Fields that this program doesn't know: to be reported. */
  readonly unknown: readonly string[];
};

/**
 * The one way to an install manifest that may be used. Nothing of it is parsed before a signature fits its bytes.
 * What needs the machine's state (release, security version) is the caller's.
 */
export async function verifyInstallManifest(evidence: Evidence, policy: Policy): Promise<VerifiedManifest> {
  const proofs = proofsOf(evidence, policy);
  const { manifest, unknown } = await parseInstallManifest(evidence.bytes, evidence.name);
  const proof = proofFor(evidence.name, proofs, manifest.product);
  if (policy.time !== 'at boot' && manifest.not_after !== undefined)
    if (policy.time.now > new Date(manifest.not_after))
      throw refusalError(evidence.name, new Refusal('outdated', { detail: manifest.not_after }));
  return { ...proof, manifest: markVerified(manifest), unknown };
}
