import { createHash } from 'node:crypto';
import { isMosError, messageOf } from '../errors/index.ts';
import { type Host, readTextIfThere } from '../host/index.ts';
import { type Change, diffContent, type InstallManifest } from '../manifest/index.ts';
import type { Descriptor, Repository } from '../oci/index.ts';
import type { Report } from '../steps/index.ts';
import {
  type Evidence,
  keysFolder,
  newestRevocationLists,
  type Policy,
  readAnchors,
  type Signer,
  verifyEvidence,
  verifyInstallManifest,
} from '../trust/index.ts';
import {
  type Artifact,
  certificateArtifact,
  installArtifact,
  revocationArtifact,
  signatureArtifact,
} from './artifacts.ts';
import { type Fetched, fetchEvidence } from './evidence.ts';
import type { PublishOptions } from './publish.ts';
import { putArtifacts } from './put-artifacts.ts';

/** What the name says now. */
export type PublishedName = {
  /** undefined: a dry run that found no repository. */
  readonly repository: Repository | undefined;
  readonly policy: Policy;
  /** The keyset's revocation list (PEM), where it has one: it comes along with each manifest. */
  readonly revoked: Buffer | undefined;
  readonly fetched?: Fetched;
  readonly changes: readonly Change[] | null;
};

/** Reads what is published under the name and compares it; what this keyset did not sign is not parsed. */
export async function readPublished(
  host: Host,
  repository: Repository | undefined,
  manifest: InstallManifest,
  options: PublishOptions,
  report: Report,
): Promise<PublishedName> {
  const authority = `${options.keys ?? keysFolder(host)}/${options.keyset}/manifest-ca`;
  const anchors = await readAnchors(host, { file: `${authority}/cert.pem` });
  const lists = await readTextIfThere(host, `${authority}/crl.pem`);
  const revoked = lists === undefined ? undefined : Buffer.from(lists);
  const policy: Policy = {
    anchors,
    time: options.time,
    revoked: newestRevocationLists(revoked === undefined ? [] : [revoked], anchors),
  };
  const fetched = repository && (await fetchIfThere(repository, options, report));
  const known = { repository, policy, revoked };
  if (fetched === undefined) return { ...known, changes: null };
  try {
    const before = await verifyInstallManifest(fetched.evidence, { ...policy, time: 'at boot' });
    return { ...known, fetched, changes: diffContent(before.manifest, manifest) };
  } catch (error) {
    report({ kind: 'note', text: `warning: not compared with what is published: ${messageOf(error)}` });
    return { ...known, fetched, changes: null };
  }
}

async function fetchIfThere(
  repository: Repository,
  { repository: path, tag }: PublishOptions,
  report: Report,
): Promise<Fetched | undefined> {
  try {
    return await fetchEvidence(repository, tag, `${path}:${tag}`, report);
  } catch (error) {
    if (isMosError(error, 'not-found')) return undefined;
    if (!isMosError(error, 'invalid')) throw error;
    report({ kind: 'note', text: `warning: ${messageOf(error)}` });
    return undefined;
  }
}

/**
 * Signs and puts what is missing: the manifest, certificate and signature, the tag last. A name that says the same
 * with a signature that this keyset's CA accepts is left alone: some algorithms never sign twice the same way.
 */
export async function signAndPut(
  bytes: Uint8Array,
  signer: Signer,
  published: PublishedName,
  options: PublishOptions,
  report: Report,
): Promise<{ artifact: Descriptor; sha: string; changed: boolean }> {
  const artifact = installArtifact(bytes, options);
  const sha = createHash('sha256').update(bytes).digest('hex');
  const { fetched, repository, policy, revoked } = published;
  const isSame = fetched?.artifact.digest === artifact.root.digest;
  const isSigned = isSame && isAccepted(fetched.evidence, policy, signer);
  const isListed =
    revoked === undefined || (isSame && fetched.revocations.some((list) => revoked.equals(list)));
  const result = { artifact: artifact.root, sha, changed: !(isSigned && isListed) };
  if (!result.changed || repository === undefined || options.dryRun) return result;
  await using _session = await repository.session?.();
  if (!isSigned) await putSigned(repository, artifact, bytes, signer, policy, options);
  if (revoked !== undefined && !isListed)
    await putArtifacts(repository, revocationArtifact(revoked, artifact.root, options));
  await repository.tag(artifact.root, options.tag);
  report({ kind: 'note', text: `signed for the product ${signer.product}` });
  return result;
}

async function putSigned(
  repository: Repository,
  artifact: Artifact,
  bytes: Uint8Array,
  signer: Signer,
  policy: Policy,
  options: PublishOptions,
): Promise<void> {
  const name = `${options.repository}:${options.tag}`;
  const signature = await signer.sign(bytes);
  // Nobody would install what this refuses: an expired or revoked certificate, a key of another project.
  verifyEvidence({ name, bytes, certificates: [signer.certificate], signatures: [signature] }, policy);
  await putArtifacts(
    repository,
    artifact,
    certificateArtifact(signer.certificate, artifact.root, options),
    signatureArtifact(signature, artifact.root, options),
  );
}

function isAccepted(evidence: Evidence, policy: Policy, signer: Signer): boolean {
  try {
    const proof = verifyEvidence(evidence, policy);
    return Buffer.from(proof.certificate).equals(Buffer.from(signer.certificate));
  } catch {
    return false;
  }
}
