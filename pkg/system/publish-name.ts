import { createHash } from 'node:crypto';
import { isMosError, messageOf } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { type Change, diffContent, type InstallManifest } from '../manifest/index.ts';
import type { Descriptor, Repository } from '../oci/index.ts';
import type { Report } from '../steps/index.ts';
import {
  type Evidence,
  keysFolder,
  type Policy,
  readAnchors,
  type Signer,
  verifyEvidence,
  verifyInstallManifest,
} from '../trust/index.ts';
import { type Artifact, certificateArtifact, installArtifact, signatureArtifact } from './artifacts.ts';
import { type Fetched, fetchEvidence } from './evidence.ts';
import type { PublishOptions } from './publish.ts';

/** What the name says now. */
export type PublishedName = {
  /** undefined: a dry run that found no repository. */
  readonly repository: Repository | undefined;
  readonly policy: Policy;
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
  const folder = options.keys ?? keysFolder(host);
  const anchors = await readAnchors(host, { file: `${folder}/${options.keyset}/manifest-ca/cert.pem` });
  const policy: Policy = { anchors, time: options.time };
  const fetched = repository && (await fetchIfThere(repository, options, report));
  if (fetched === undefined) return { repository, policy, changes: null };
  try {
    const before = await verifyInstallManifest(fetched.evidence, { ...policy, time: 'at boot' });
    return { repository, policy, fetched, changes: diffContent(before.manifest, manifest) };
  } catch (error) {
    report({ kind: 'note', text: `warning: not compared with what is published: ${messageOf(error)}` });
    return { repository, policy, fetched, changes: null };
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
  const { fetched, repository, policy } = published;
  const isSame =
    fetched?.artifact.digest === artifact.root.digest && isAccepted(fetched.evidence, policy, signer);
  if (isSame || repository === undefined || options.dryRun)
    return { artifact: artifact.root, sha, changed: !isSame };
  const signature = await signer.sign(bytes);
  const name = `${options.repository}:${options.tag}`;
  // Nobody would install what this refuses: an expired certificate, a key of another project.
  verifyEvidence({ name, bytes, certificates: [signer.certificate], signatures: [signature] }, policy);
  await using _session = await repository.session?.();
  await put(repository, artifact);
  await put(repository, certificateArtifact(signer.certificate, artifact.root, options));
  await put(repository, signatureArtifact(signature, artifact.root, options));
  await repository.tag(artifact.root, options.tag);
  report({ kind: 'note', text: `signed ${name} for the product ${signer.product}` });
  return { artifact: artifact.root, sha, changed: true };
}

function isAccepted(evidence: Evidence, policy: Policy, signer: Signer): boolean {
  try {
    const proof = verifyEvidence(evidence, policy);
    return Buffer.from(proof.certificate).equals(Buffer.from(signer.certificate));
  } catch {
    return false;
  }
}

async function put(repository: Repository, { contents }: Artifact): Promise<void> {
  for (const [descriptor, bytes] of contents) await repository.put(descriptor, once(bytes));
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
