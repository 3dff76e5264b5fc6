import type { Host } from '../host/index.ts';
import { parseManifestSha } from '../manifest/index.ts';
import { type ImageSource, type Reference, renderReference } from '../oci/index.ts';
import { type MachineProduct, readAcceptedRelease, requireRelease, type SignedFile } from '../state/index.ts';
import type { Report } from '../steps/index.ts';
import {
  type AcceptanceTime,
  type RevocationList,
  readAnchors,
  type VerifiedManifest,
  verifyInstallManifest,
} from '../trust/index.ts';
import { fetchEvidence } from './evidence.ts';
import { requireNewFloor } from './floor.ts';
import type { Machine } from './machine.ts';
import type { MirroredRepositories, MirroredSource } from './mirror/index.ts';
import { type Offered, requireOfferedRelease } from './offered.ts';
import { placeOf, type RegistryAccess } from './places.ts';
import { machineProduct } from './product.ts';
import { knownRevocations } from './revocation.ts';

export type AcceptOptions = {
  readonly reference: Reference;
  /** `--ca FILE`; when given, it alone counts. */
  readonly ca?: string | undefined;
  /** `--product`, where the machine has no identity. */
  readonly product?: string | undefined;
  /** Where a release index named it. */
  readonly offered?: Offered | undefined;
  readonly access: RegistryAccess;
  readonly builtAt: Date;
};

/** A manifest that this machine may install, and where its images are. */
export type Accepted = {
  readonly shown: string;
  readonly sha: ReturnType<typeof parseManifestSha>;
  readonly verified: VerifiedManifest;
  readonly product: MachineProduct;
  readonly images: ImageSource & Partial<MirroredSource>;
  /** To be kept when the manifest is taken in. */
  readonly revoked: readonly RevocationList[];
};

/** Fetches a manifest and asks every question about it that can be asked before a byte of its images is fetched. */
export async function acceptManifest(
  host: Host,
  machine: Machine,
  repositories: MirroredRepositories,
  options: AcceptOptions,
  report: Report,
): Promise<Accepted> {
  const time: AcceptanceTime = { now: host.clock.now(), builtAt: options.builtAt };
  const anchors = await readAnchors(host, { file: options.ca, root: machine.paths.root });
  const known = await machineProduct(host, machine, time, options.product);
  const shown = renderReference(options.reference);
  const { place, repository, name } = placeOf(options.reference);
  const { evidence, revocations } = await repositories.anywhere(place, repository, (from) =>
    fetchEvidence(from, name, shown, report),
  );
  const revoked = await knownRevocations(host, machine, revocations, anchors);
  const verified = await verifyInstallManifest(evidence, { anchors, product: known?.product, time, revoked });
  if (options.offered !== undefined) requireOfferedRelease(shown, verified.manifest.release, options.offered);
  for (const field of verified.unknown)
    report({ kind: 'note', text: `warning: ${shown} has ${field}, which this version does not know` });
  const product = known ?? { product: verified.manifest.product, origin: 'first install' };
  const images = await repositories.images(place);
  return { shown, sha: parseManifestSha(verified.sha), verified, product, images, revoked };
}

/** DESIGN "Trust" 7, against what the machine has seen. */
export async function requireNotOlder(
  host: Host,
  machine: Machine,
  { shown, sha, verified }: Accepted,
): Promise<void> {
  const { release, security_version } = verified.manifest;
  requireRelease((await readAcceptedRelease(host, machine.state)).value, { what: shown, release, sha });
  await requireNewFloor(host, machine, shown, security_version);
}

export const signedFileOf = ({ bytes, signature, certificate }: VerifiedManifest): SignedFile => ({
  bytes,
  signature,
  certificate,
});
