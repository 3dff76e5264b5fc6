import { MosError } from '../errors/index.ts';
import { type IdRange, onBridge, overlaps } from './allocate.ts';
import type { Content } from './diff.ts';
import type { InstallManifest, InstallTarget } from './install.ts';
import { isHostIds, type ManifestSha, type Product, type ServiceName, type VolumeLabel } from './names.ts';
import {
  type IdMap,
  type SystemManifest,
  type SystemTarget,
  type SystemVolume,
  toIdRange,
} from './system.ts';
import { isBootTarget, type Volume } from './target.ts';

/** The verified install manifests of a generation, by the digest of their bytes. */
export type Sources = ReadonlyMap<ManifestSha, InstallManifest>;

/** An entry of the system manifest with what the signed manifest says about it. */
export type MachineTarget = SystemTarget & { readonly target: InstallTarget };
export type MachineVolume = SystemVolume & { readonly definition: Volume };

/** What a machine runs: each field signed, or bounded by `deriveSystem`. */
export type MachineSystem = {
  readonly product: Product;
  readonly targets: readonly MachineTarget[];
  readonly volumes: readonly MachineVolume[];
  /** Highest release of its manifests. */
  readonly release?: number;
  /** Lowest of its manifests: the generation is as safe as its weakest part. */
  readonly security_version: number;
};

/**
 * Joins the system manifest, which nobody signs, with the signed manifests (DESIGN "Trust" 6). Everything that grants
 * something comes from them: which targets there are, where each comes from, its image, group, network. Id ranges and
 * addresses can't be derived and are bounded: ranges of different groups and of the host never meet, an address is on
 * the bridge and has one owner. `untrusted` names the first thing that doesn't derive.
 * @param hostRanges what /etc/subuid and /etc/subgid of the host give to others, where they can be read
 */
export function deriveSystem(
  system: SystemManifest,
  sources: Sources,
  hostRanges: readonly IdRange[] = [],
): MachineSystem {
  requireWholeSources(system, sources);
  const targets = system.targets.map((entry) => withTarget(entry, sources));
  const volumes = system.volumes.map((entry) => withVolume(entry, sources));
  requireDisjointIds([...targets, ...volumes], hostRanges);
  requireOwnAddresses(targets);
  const manifests = [...sources.values()];
  const releases = manifests.flatMap((manifest) => manifest.release ?? []);
  return {
    product: productOf(manifests),
    targets,
    volumes,
    ...(releases.length === 0 ? {} : { release: Math.max(...releases) }),
    security_version: Math.min(...manifests.map((manifest) => manifest.security_version)),
  };
}

const altered = (what: string): MosError =>
  new MosError('untrusted', `cannot use manifest.yaml: ${what}`, {
    hint: 'it was altered after mosctl wrote it; boot or roll back to another generation',
  });

function productOf(manifests: readonly InstallManifest[]): Product {
  const [first, ...others] = manifests;
  if (first === undefined) throw altered('it names no manifest');
  const other = others.find((manifest) => manifest.product !== first.product);
  if (other !== undefined) throw altered(`it mixes the products ${first.product} and ${other.product}`);
  return first.product;
}

/** The files are those that are named, and each of their targets and volumes has an entry. */
function requireWholeSources(system: SystemManifest, sources: Sources): void {
  const named = new Set([...system.targets, ...system.volumes].map((entry) => entry.source));
  for (const sha of named) if (!sources.has(sha)) throw altered(`it names ${sha}.yaml, which is not there`);
  for (const sha of sources.keys())
    if (!named.has(sha)) throw altered(`nothing in it comes from ${sha}.yaml`);
  const complete = [...sources.values()].filter((manifest) => manifest.update_type === 'complete');
  if (complete.length > 1) throw altered('it mixes several complete manifests');
  const targets = new Set(system.targets.map((entry) => entry.name));
  const volumes = new Set(system.volumes.map((entry) => entry.volume));
  for (const [sha, manifest] of sources) {
    for (const target of manifest.targets)
      if (!targets.has(target.service_name)) throw altered(`it lacks ${target.service_name} of ${sha}.yaml`);
    for (const volume of manifest.storage)
      if (!volumes.has(volume.label)) throw altered(`it lacks the volume ${volume.label} of ${sha}.yaml`);
  }
}

/** Later manifests stand above earlier ones: partial ones above the complete one, then by release. */
const isAbove = (a: InstallManifest, b: InstallManifest): boolean =>
  a.update_type === b.update_type ? (a.release ?? -1) > (b.release ?? -1) : a.update_type === 'partial';

function definedBy<T>(
  what: string,
  source: ManifestSha,
  sources: Sources,
  find: (manifest: InstallManifest) => T | undefined,
): T {
  const own = sources.get(source);
  const found = own === undefined ? undefined : find(own);
  if (own === undefined || found === undefined) throw altered(`${what} is not in ${source}.yaml`);
  for (const [sha, other] of sources)
    if (find(other) !== undefined && isAbove(other, own))
      throw altered(`${what} comes from ${source}.yaml, but ${sha}.yaml replaces it`);
  return found;
}

function withTarget(entry: SystemTarget, sources: Sources): MachineTarget {
  const find = (manifest: InstallManifest) => manifest.targets.find((one) => one.service_name === entry.name);
  const target = definedBy(entry.name, entry.source, sources, find);
  requireGroup(entry.name, isBootTarget(target) ? '' : target.nsgroup, entry.idmap);
  requireStated(entry, target);
  return { ...entry, target };
}

function withVolume(entry: SystemVolume, sources: Sources): MachineVolume {
  const find = (manifest: InstallManifest) => manifest.storage.find((one) => one.label === entry.volume);
  const definition = definedBy(`the volume ${entry.volume}`, entry.source, sources, find);
  requireGroup(`the volume ${entry.volume}`, definition.nsgroup, entry.idmap);
  return { ...entry, definition };
}

function requireGroup(what: string, nsgroup: string, idmap: IdMap | undefined): void {
  if (isHostIds(nsgroup)) {
    if (idmap !== undefined) throw altered(`${what} has an id map, but is signed for the ids of the host`);
  } else if (idmap?.nsgroup !== nsgroup)
    throw altered(
      `${what} is signed for the nsgroup ${nsgroup}, not ${idmap?.nsgroup ?? 'the ids of the host'}`,
    );
}

function requireStated({ name, network }: SystemTarget, target: InstallTarget): void {
  if ((target.network.type === 'simple') !== (network !== undefined))
    throw altered(`${name} is signed for the network ${target.network.type}`);
  if (network === undefined) return;
  for (const family of ['ipv4', 'ipv6'] as const) {
    const stated = target.network[family];
    if (stated !== '' && onBridge(family, name, stated) !== network[family])
      throw altered(`${name} has the address ${network[family]}, but is signed for ${stated}`);
  }
}

function requireDisjointIds(
  entries: readonly (MachineTarget | MachineVolume)[],
  hostRanges: readonly IdRange[],
): void {
  const groups = new Map<string, IdMap>();
  for (const { idmap } of entries) {
    if (idmap === undefined) continue;
    const range = toIdRange(idmap);
    if (hostRanges.some((other) => overlaps(range, other)))
      throw altered(`the ids from ${idmap.hostid} of the nsgroup ${idmap.nsgroup} belong to the host`);
    for (const other of groups.values()) {
      const isSame = other.nsgroup === idmap.nsgroup && other.hostid === idmap.hostid;
      if (!isSame && (other.nsgroup === idmap.nsgroup || overlaps(range, toIdRange(other))))
        throw altered(
          `the ids from ${idmap.hostid} of the nsgroup ${idmap.nsgroup} meet those of ${other.nsgroup}`,
        );
    }
    groups.set(idmap.nsgroup, idmap);
  }
}

function requireOwnAddresses(targets: readonly MachineTarget[]): void {
  const owners = new Map<string, ServiceName>();
  for (const { name, network } of targets)
    for (const address of network === undefined ? [] : [network.ipv4, network.ipv6]) {
      const owner = owners.get(address);
      if (owner !== undefined) throw altered(`${owner} and ${name} both have the address ${address}`);
      owners.set(address, name);
    }
}

export const findTarget = (system: MachineSystem, name: ServiceName): MachineTarget => {
  const found = system.targets.find((entry) => entry.name === name);
  if (found !== undefined) return found;
  const known = system.targets.map((entry) => entry.name).join(', ');
  throw new MosError('not-found', `cannot find the target ${name}: there are ${known}`);
};

export const findVolume = (system: MachineSystem, label: VolumeLabel): MachineVolume | undefined =>
  system.volumes.find((entry) => entry.volume === label);

/** What `diffContent` compares: the signed targets and volumes of a machine. */
export const contentOf = (system: MachineSystem): Content => ({
  targets: system.targets.map((entry) => entry.target),
  storage: system.volumes.map((entry) => entry.definition),
});
