import type { Host } from '../host/index.ts';
import { type InstallManifest, parseInstallManifest } from '../manifest/index.ts';
import { type Reference, renderReference } from '../oci/index.ts';
import type { Report } from '../steps/index.ts';
import { type AcceptanceTime, readAnchors, verifyInstallManifest } from '../trust/index.ts';
import { type Fetched, fetchEvidence } from './evidence.ts';
import { openRepositories, placeOf, type RegistryAccess } from './places.ts';

export type InspectedManifest = {
  readonly reference: string;
  /** Of the artifact. */
  readonly digest: string;
  readonly certificates: number;
  readonly signatures: number;
  readonly manifest: InstallManifest;
  /** Fields that this program does not know. */
  readonly unknown: readonly string[];
};

const fetched = async (
  host: Host,
  reference: Reference,
  access: RegistryAccess,
  report: Report,
): Promise<Fetched> => {
  const { place, repository, name } = placeOf(reference);
  await using repositories = openRepositories(host, access);
  const source = await repositories.open(place, repository);
  return fetchEvidence(source, name, renderReference(reference), report);
};

/** Shows what a manifest says without believing it: nothing is checked but its format. */
export async function inspectManifest(
  host: Host,
  reference: Reference,
  access: RegistryAccess,
  report: Report,
): Promise<InspectedManifest> {
  const { artifact, evidence } = await fetched(host, reference, access, report);
  const { manifest, unknown } = await parseInstallManifest(evidence.bytes, evidence.name);
  return {
    reference: evidence.name,
    digest: artifact.digest,
    certificates: evidence.certificates.length,
    signatures: evidence.signatures.length,
    manifest,
    unknown,
  };
}

export type VerifyManifestOptions = {
  /** PEM file of the manifest CAs. */
  readonly ca: string;
  /** What the machine is; undefined accepts each product. */
  readonly product?: string | undefined;
  readonly access: RegistryAccess;
  readonly time: AcceptanceTime;
};

export type ManifestProof = {
  readonly reference: string;
  readonly digest: string;
  /** SHA-256 of the signed bytes. */
  readonly sha: string;
  readonly product: string;
  readonly release: number | null;
  readonly security_version: number;
  readonly targets: readonly string[];
  readonly unknown: readonly string[];
};

/** Verifies a manifest as a machine with this CA would, state of a machine left aside. */
export async function verifyPublished(
  host: Host,
  reference: Reference,
  options: VerifyManifestOptions,
  report: Report,
): Promise<ManifestProof> {
  const anchors = await readAnchors(host, { file: options.ca });
  const { artifact, evidence } = await fetched(host, reference, options.access, report);
  const policy = { anchors, product: options.product, time: options.time };
  const { manifest, sha, product, unknown } = await verifyInstallManifest(evidence, policy);
  return {
    reference: evidence.name,
    digest: artifact.digest,
    sha,
    product,
    release: manifest.release ?? null,
    security_version: manifest.security_version,
    targets: manifest.targets.map((target) => target.service_name),
    unknown,
  };
}
