import { type ChannelFile, newestRevocationLists, verifyEvidence } from '../../trust/index.ts';
import {
  type Artifact,
  certificateArtifact,
  channelArtifact,
  revocationArtifact,
  signatureArtifact,
} from '../artifacts.ts';
import { putArtifacts } from '../put-artifacts.ts';
import type { Publishing } from './publishing.ts';
import { resolveIfThere } from './source.ts';

/**
 * Puts the files in their order, each under its name; true where something wasn't there yet. No artifact has a time of its
 * own (SOURCE_DATE_EPOCH changes from run to run): the same file is the same artifact on each day.
 */
export async function putFiles(p: Publishing, files: readonly ChannelFile[]): Promise<boolean> {
  await using _session = await p.repository.session?.();
  const newestRoot = files.findLast(({ role }) => role === 'root');
  let changed = false;
  for (const one of files) {
    const artifact = channelArtifact(one.role, one.bytes, one.file);
    const more = one === newestRoot ? await missingEndorsements(p, one, artifact) : [];
    const isThere = (await resolveIfThere(p.repository, one.file))?.digest === artifact.root.digest;
    if (isThere && more.length === 0) continue;
    // What vouches for a root is there before its name: no machine sees a root that nobody vouches for.
    await putArtifacts(p.repository, artifact, ...more);
    await p.repository.tag(artifact.root, one.file);
    changed = true;
  }
  return changed;
}

/** Certificate, signature and revocation list of the project, unless they are there: some keys never sign twice the same way. */
async function missingEndorsements(
  p: Publishing,
  root: ChannelFile,
  artifact: Artifact,
): Promise<Artifact[]> {
  const { signer } = p.keys;
  const found = await p.source.endorsements(root.file);
  const policy = {
    anchors: p.anchors,
    product: signer.product,
    time: p.time,
    revoked: newestRevocationLists(
      [...found.revocations, ...(p.revoked === undefined ? [] : [p.revoked])],
      p.anchors,
    ),
  };
  const evidence = { name: `${p.name}:${root.file}`, bytes: root.bytes };
  const isOwn = found.certificates.filter((one) => Buffer.from(one).equals(Buffer.from(signer.certificate)));
  const isSigned = isAccepted(() => verifyEvidence({ ...evidence, ...found, certificates: isOwn }, policy));
  const more: Artifact[] = [];
  if (!isSigned) {
    const signature = await signer.sign(root.bytes);
    // No machine would believe what this refuses: an expired or revoked certificate.
    verifyEvidence({ ...evidence, certificates: [signer.certificate], signatures: [signature] }, policy);
    more.push(certificateArtifact(signer.certificate, artifact.root));
    more.push(signatureArtifact(signature, artifact.root));
  }
  const { revoked } = p;
  if (
    revoked !== undefined &&
    !found.revocations.some((one) => Buffer.from(one).equals(Buffer.from(revoked)))
  )
    more.push(revocationArtifact(revoked, artifact.root));
  return more;
}

function isAccepted(verify: () => unknown): boolean {
  try {
    verify();
    return true;
  } catch {
    return false;
  }
}
