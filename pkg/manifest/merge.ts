import { MosError } from '../errors/index.ts';
import {
  type Allocations,
  allocateAddresses,
  allocateRange,
  type IdRange,
  idRanges,
  withAddresses,
  withRange,
} from './allocate.ts';
import { deriveSystem, type MachineSystem, type Sources } from './derive.ts';
import { problemsError } from './fields.ts';
import type { InstallManifest } from './install.ts';
import { isHostIds, type ManifestSha, type NsGroup } from './names.ts';
import { dependencyProblems, portProblems } from './rules.ts';
import type { IdMap, SystemManifest, SystemTarget, SystemVolume } from './system.ts';
import { isBootTarget } from './target.ts';

export type MergeInput = {
  /** What runs now, with its verified manifests; undefined at the first install. */
  readonly previous?: { readonly system: SystemManifest; readonly sources: Sources };
  /** The verified manifest and the digest of its bytes. */
  readonly update: { readonly sha: ManifestSha; readonly manifest: InstallManifest };
  readonly allocations: Allocations;
  /** What /etc/subuid and /etc/subgid give to others. */
  readonly hostRanges: readonly IdRange[];
};

/** `sources`: the manifests whose files belong to the new generation. */
export type Merged = {
  readonly system: SystemManifest;
  readonly machine: MachineSystem;
  readonly sources: Sources;
  readonly allocations: Allocations;
};

/**
 * The system after an update: `complete` replaces all, `partial` keeps the targets and volumes it does not name. Ids
 * and addresses that were given out are kept.
 */
export function mergeUpdate(input: MergeInput): Merged {
  const { update, previous } = input;
  requirePrevious(input);
  const kept = update.manifest.update_type === 'partial' ? previous?.system : undefined;
  const entries = joinEntries(kept, update.sha, update.manifest);
  const named = new Set([...entries.targets, ...entries.volumes].map((entry) => entry.source));
  const all = new Map([...(previous?.sources ?? []), [update.sha, update.manifest] as const]);
  const sources: Sources = new Map([...all].filter(([sha]) => named.has(sha)));
  const known =
    previous === undefined ? input.allocations : absorbAllocations(input.allocations, previous.system);
  const { system, allocations } = allocate(entries, sources, known, input.hostRanges);
  const machine = deriveSystem(system, sources);
  requireFitting(machine);
  return { system, machine, sources, allocations };
}

function requirePrevious({ previous, update }: MergeInput): void {
  const { product, update_type } = update.manifest;
  if (previous === undefined) {
    if (update_type === 'complete') return;
    throw new MosError(
      'state',
      'cannot install a partial manifest: there is nothing yet that it could be a part of',
    );
  }
  for (const manifest of previous.sources.values())
    if (manifest.product !== product)
      throw new MosError(
        'untrusted',
        `cannot use the manifest: it is for the product ${product}, this machine is a ${manifest.product}`,
      );
}

function joinEntries(
  kept: SystemManifest | undefined,
  sha: ManifestSha,
  manifest: InstallManifest,
): SystemManifest {
  const names = new Set(manifest.targets.map((target) => target.service_name));
  const labels = new Set(manifest.storage.map((volume) => volume.label));
  return {
    targets: [
      ...(kept?.targets ?? []).filter((entry) => !names.has(entry.name)),
      ...manifest.targets.map((target) => ({ name: target.service_name, source: sha })),
    ],
    volumes: [
      ...(kept?.volumes ?? []).filter((entry) => !labels.has(entry.volume)),
      ...manifest.storage.map((volume) => ({ volume: volume.label, source: sha })),
    ],
  };
}

/** The entries with ids and addresses; those of kept entries are in the table already. */
function allocate(
  entries: SystemManifest,
  sources: Sources,
  known: Allocations,
  hostRanges: readonly IdRange[],
): { system: SystemManifest; allocations: Allocations } {
  const groupOf = (entry: SystemTarget | SystemVolume): string => {
    const manifest = sources.get(entry.source);
    if ('volume' in entry) return manifest?.storage.find((one) => one.label === entry.volume)?.nsgroup ?? '';
    const target = manifest?.targets.find((one) => one.service_name === entry.name);
    return target === undefined || isBootTarget(target) ? '' : target.nsgroup;
  };
  let table = known;
  for (const group of [...entries.targets, ...entries.volumes].map(groupOf).sort())
    if (!isHostIds(group)) table = allocateRange(table, group as NsGroup, hostRanges);
  const networkOf = (entry: SystemTarget) =>
    sources.get(entry.source)?.targets.find((one) => one.service_name === entry.name)?.network;
  const wishes = entries.targets.flatMap((entry) => {
    const network = networkOf(entry);
    return network?.type === 'simple' ? [{ service: entry.name, stated: network }] : [];
  });
  table = allocateAddresses(table, wishes);
  const mapOf = (group: string): { idmap?: IdMap } => {
    const hostid = table.nsgroups.get(group as NsGroup);
    return hostid === undefined ? {} : { idmap: { nsgroup: group as NsGroup, hostid, count: idRanges.size } };
  };
  const targets = entries.targets.map((entry) => {
    const network = networkOf(entry)?.type === 'simple' ? table.addresses.get(entry.name) : undefined;
    return {
      name: entry.name,
      source: entry.source,
      ...mapOf(groupOf(entry)),
      ...(network ? { network } : {}),
    };
  });
  const volumes = entries.volumes.map((entry) => ({
    volume: entry.volume,
    source: entry.source,
    ...mapOf(groupOf(entry)),
  }));
  return { system: { targets, volumes }, allocations: table };
}

/** The table with everything that a generation gave out: what it says counts for its own services. */
export function absorbAllocations(table: Allocations, system: SystemManifest): Allocations {
  let absorbed = table;
  for (const { idmap } of [...system.targets, ...system.volumes])
    if (idmap !== undefined) absorbed = withRange(absorbed, idmap.nsgroup, idmap.hostid);
  const given = system.targets.flatMap(({ name, network }) =>
    network === undefined ? [] : [[name, network] as const],
  );
  return withAddresses(absorbed, new Map(given));
}

/** What can only be seen when all manifests are joined; at publish the same was checked within one. */
function requireFitting(machine: MachineSystem): void {
  const targets = machine.targets.map((entry) => entry.target);
  const problems = [...portProblems(targets), ...dependencyProblems(targets, false)];
  const labels = new Set<string>(machine.volumes.map((entry) => entry.volume));
  for (const [at, target] of targets.entries())
    for (const [index, use] of target.storage.entries())
      if (!labels.has(use.label))
        problems.push({
          path: ['targets', at, 'storage', index, 'label'],
          text: `is ${use.label}, which no manifest declares`,
        });
  if (problems.length === 0) return;
  throw problemsError(
    'the manifest with what the machine has',
    problems.map(({ path, text }) => ({
      path: [targets[Number(path[1])]?.service_name ?? '', ...path.slice(2)],
      text,
    })),
  );
}
