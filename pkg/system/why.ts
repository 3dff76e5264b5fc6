import type { Host } from '../host/index.ts';
import { findTarget, type MachineTarget, parseServiceName } from '../manifest/index.ts';
import { explainGenerations, type HistoryEntry, listGenerations, trailer } from '../state/index.ts';
import { describeCertificates, readAnchors, type VerifiedManifest } from '../trust/index.ts';
import { readBooted, runningCommit } from './current.ts';
import { type LoadedGeneration, loadGeneration } from './generation.ts';
import { openMachine } from './machine.ts';
import { machineProduct, originOf } from './product.ts';
import { type Hold, readHolds } from './service/hold.ts';

export type WhyOptions = {
  readonly root: string;
  readonly ca?: string | undefined;
  /** Only what concerns this target. */
  readonly target?: string | undefined;
};

/** A signed manifest that the machine runs something of. */
export type WhyManifest = {
  /** SHA-256 of its bytes. */
  readonly sha: string;
  /** Subject of the certificate whose signature fits. */
  readonly signer: string;
  readonly update: 'complete' | 'partial';
  readonly release: number | null;
  readonly securityVersion: number;
  /** The generation that brought it, and where it came from. */
  readonly since: number | null;
  readonly source: string | null;
  readonly targets: readonly { readonly name: string; readonly version: string; readonly digest: string }[];
};

export type WhyResult = {
  readonly generation: number;
  readonly booted: number | null;
  readonly product: string;
  readonly productOrigin: string;
  /** The file whose CAs are believed. */
  readonly anchors: string;
  readonly manifests: readonly WhyManifest[];
  /** Versions of services that did not become well: the one before went on. */
  readonly holds: readonly Hold[];
  /** Oldest first. */
  readonly happenings: readonly {
    readonly time: string;
    readonly generation: number;
    readonly text: string;
  }[];
};

/** How the machine came to run what it runs: from the CA to each image, and from one generation to the next. */
export async function why(host: Host, { root, ca, target }: WhyOptions): Promise<WhyResult> {
  const machine = await openMachine(host, root);
  const generation = await loadGeneration(host, machine, await runningCommit(host, machine, 'explain'), {
    ca,
  });
  const [anchors, product, entries, booted] = await Promise.all([
    readAnchors(host, { file: ca, root }),
    machineProduct(host, machine, 'at boot'),
    listGenerations(host, machine.state),
    readBooted(host, machine.paths),
  ]);
  const only = target === undefined ? undefined : findTarget(generation.machine, parseServiceName(target));
  const sources = [...generation.sources].filter(([sha]) => only === undefined || only.source === sha);
  return {
    generation: generation.number,
    booted: booted?.generation ?? null,
    product: generation.machine.product,
    productOrigin: product === undefined ? 'not recorded' : originOf(product),
    anchors: anchors.source,
    manifests: sources.map(([sha, verified]) => toManifest(sha, verified, generation, entries, only)),
    holds: await readHolds(host, machine.paths, only?.name),
    happenings: explainGenerations(entries).map(({ time, number, text }) => ({
      time: time.toISOString(),
      generation: number,
      text,
    })),
  };
}

function toManifest(
  sha: string,
  { manifest, certificate }: VerifiedManifest,
  { machine }: LoadedGeneration,
  entries: readonly HistoryEntry[],
  only: MachineTarget | undefined,
): WhyManifest {
  // The oldest entry that names it: a rollback names it again.
  const first = entries.findLast(({ trailers }) => trailer(trailers, 'Manifest') === sha);
  return {
    sha,
    signer: describeCertificates(certificate)[0]?.subject ?? '',
    update: manifest.update_type,
    release: manifest.release ?? null,
    securityVersion: manifest.security_version,
    since: first?.number ?? null,
    source: first === undefined ? null : (trailer(first.trailers, 'Source') ?? null),
    targets: machine.targets
      .filter(({ source, name }) => source === sha && (only === undefined || only.name === name))
      .map(({ name, target }) => ({ name, version: target.version, digest: target.digest })),
  };
}
