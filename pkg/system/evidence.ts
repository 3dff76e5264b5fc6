import { isMosError, MosError, messageOf } from '../errors/index.ts';
import { type Descriptor, media, parseImageManifest, type Repository, readVerified } from '../oci/index.ts';
import type { Report } from '../steps/index.ts';
import type { Evidence } from '../trust/index.ts';

/** What a registry or folder says an install manifest is. Nothing of it is believed yet. */
export type Fetched = {
  /** The artifact; its certificates and signatures name it as their subject. */
  readonly artifact: Descriptor;
  readonly evidence: Evidence;
  /** What claims to be a revocation list beside it. */
  readonly revocations: readonly Uint8Array[];
};

/** The most bytes of a certificate with its chain, of a signature, of a revocation list: what has more is none. */
const largest: Readonly<Record<string, number>> = {
  [media.certificate]: 64 * 1024,
  [media.signature]: 1024,
  [media.revocation]: 1024 * 1024,
};

/** What goes along where a manifest is copied. */
export const evidenceTypes = Object.keys(largest);

/** Reads the bytes of an install manifest and everything that claims to certify or sign it (FORMATS 4). */
export async function fetchEvidence(
  repository: Repository,
  name: string,
  shown: string,
  report: Report,
): Promise<Fetched> {
  const found = await repository.resolve(name);
  const manifest = parseImageManifest(await readVerified(found, repository.open(found)), shown);
  const [layer] = manifest.layers;
  if (
    (manifest.artifactType ?? layer?.mediaType) !== media.install ||
    layer === undefined ||
    manifest.layers.length !== 1
  )
    throw new MosError('invalid', `cannot use ${shown}: it is no install manifest`, {
      hint: `it is of type ${manifest.artifactType ?? manifest.config.mediaType}; install manifests are made with \`mosb manifest publish\``,
    });
  const artifact: Descriptor = { mediaType: found.mediaType, digest: found.digest, size: found.size };
  const bytes = await readVerified(layer, repository.open(layer));
  const [certificates, signatures, revocations] = await Promise.all([
    readReferrers(repository, artifact, media.certificate, report),
    readReferrers(repository, artifact, media.signature, report),
    readReferrers(repository, artifact, media.revocation, report),
  ]);
  return { artifact, evidence: { name: shown, bytes, certificates, signatures }, revocations };
}

/** Strangers may hang anything below a manifest: all of it is looked at, what can't be read is passed over and said. */
export async function readReferrers(
  repository: Repository,
  subject: Descriptor,
  type: string,
  report: Report,
): Promise<Uint8Array[]> {
  const contents: Uint8Array[] = [];
  for (const descriptor of await repository.referrers(subject, type))
    try {
      contents.push(await readOne(repository, descriptor, type));
    } catch (error) {
      if (!isMosError(error, 'invalid') && !isMosError(error, 'corrupt') && !isMosError(error, 'not-found'))
        throw error;
      report({ kind: 'note', text: `warning: passed over ${descriptor.digest}: ${messageOf(error)}` });
    }
  return contents;
}

async function readOne(repository: Repository, descriptor: Descriptor, type: string): Promise<Uint8Array> {
  const manifest = parseImageManifest(
    await readVerified(descriptor, repository.open(descriptor)),
    descriptor.digest,
  );
  const [layer] = manifest.layers;
  if ((manifest.artifactType ?? manifest.config.mediaType) !== type || layer === undefined)
    throw new MosError('invalid', `cannot use it as ${type}`);
  return readVerified(layer, repository.open(layer), largest[type]);
}
