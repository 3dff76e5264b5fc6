import type { Host } from '../host/index.ts';
import {
  deriveSystem,
  type InstallManifest,
  type MachineSystem,
  type MachineTarget,
  type ManifestSha,
  parseSystemManifest,
  type SystemManifest,
} from '../manifest/index.ts';
import { type Generation, readGeneration, type Which } from '../state/index.ts';
import { readAnchors, type VerifiedManifest, verifyInstallManifest } from '../trust/index.ts';
import { requireMachineFloor } from './floor.ts';
import type { Machine } from './machine.ts';
import { machineProduct } from './product.ts';

/** A generation whose every manifest was verified again, and whose manifest.yaml says nothing that doesn't follow. */
export type LoadedGeneration = Omit<Generation, 'system'> & {
  readonly system: SystemManifest;
  readonly machine: MachineSystem;
  readonly sources: ReadonlyMap<ManifestSha, VerifiedManifest>;
};

export type LoadOptions = {
  /** `--ca FILE`; default the machine's own. */
  readonly ca?: string | undefined;
  /** Also where its security version is below the floor: to show it, never to run it. */
  readonly belowFloor?: boolean;
};

/** Reads a generation and believes nothing of it but what the manifest CA signed for this product. */
export async function loadGeneration(
  host: Host,
  machine: Machine,
  which: Which,
  options: LoadOptions = {},
): Promise<LoadedGeneration> {
  const [anchors, product, generation] = await Promise.all([
    readAnchors(host, { file: options.ca, root: machine.paths.root }),
    machineProduct(host, machine, 'at boot'),
    readGeneration(host, machine.state, which),
  ]);
  const name = `generation ${generation.number}`;
  const policy = { anchors, product: product?.product, time: 'at boot' } as const;
  const verified: [ManifestSha, VerifiedManifest][] = [];
  for (const [sha, { bytes, certificate, signature }] of generation.files) {
    const evidence = {
      name: `${name}, ${sha}.yaml`,
      bytes,
      certificates: [certificate],
      signatures: [signature],
    };
    verified.push([sha, await verifyInstallManifest(evidence, policy)]);
  }
  const sources = new Map(verified);
  const system = await parseSystemManifest(generation.system);
  const derived = deriveSystem(system, manifestsOf(sources));
  if (!options.belowFloor) await requireMachineFloor(host, machine, name, derived.security_version);
  return { ...generation, system, machine: derived, sources };
}

export const manifestsOf = (
  sources: ReadonlyMap<ManifestSha, VerifiedManifest>,
): ReadonlyMap<ManifestSha, InstallManifest> =>
  new Map([...sources].map(([sha, { manifest }]) => [sha, manifest]));

/** What `diffContent` compares. */
export const contentOf = (machine: MachineSystem) => ({
  targets: machine.targets.map((entry: MachineTarget) => entry.target),
  storage: machine.volumes.map((entry) => entry.definition),
});

/** Fields of the manifests that this program does not know, and that it therefore does not do. */
export const unknownFields = ({ sources }: LoadedGeneration): string[] =>
  [...sources.values()].flatMap(({ unknown }) => unknown);
