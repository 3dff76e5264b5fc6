import type { Integrity } from '../atomfs/index.ts';
import type { Host } from '../host/index.ts';
import type { Layout } from '../layout/index.ts';
import { findTarget, type InstallTarget, parseServiceName, type ServiceName } from '../manifest/index.ts';
import type { Reference } from '../oci/index.ts';
import type { Report } from '../steps/index.ts';
import { acceptManifest } from './accept.ts';
import { runningCommit } from './current.ts';
import { requireMachineFloor } from './floor.ts';
import { loadGeneration } from './generation.ts';
import { bytesOf, importImages, planImages, requireSpace } from './images.ts';
import { type Machine, openMachine, openStore, openStoreIfThere } from './machine.ts';
import { openMirrored } from './mirror/index.ts';
import { folderBelow, mountTarget, scratchUpper } from './mounting.ts';
import type { RegistryAccess } from './places.ts';
import { targetOf } from './target-of.ts';

export type MountOptions = {
  readonly root: string;
  /** Default hostfs, with a reference livecd. */
  readonly target?: string | undefined;
  /** Default `<root>/mnt/mos/<target>`. */
  readonly dest?: string | undefined;
  readonly readonly?: boolean;
  readonly integrity?: Integrity | undefined;
  readonly ca?: string | undefined;
  readonly product?: string | undefined;
  /** Live mode: the target comes from this manifest in place of the installed one. */
  readonly reference?: Reference | undefined;
  readonly access: RegistryAccess;
  readonly builtAt: Date;
};

export type MountResult = {
  readonly name: string;
  readonly version: string;
  readonly digest: string;
  readonly at: string;
  /** null in live mode. */
  readonly generation: number | null;
  readonly integrity: Integrity;
  readonly isWritable: boolean;
  readonly changed: boolean;
};

type Found = { readonly target: InstallTarget; readonly store: Layout; readonly generation: number | null };

const owner = 'mosctl mount';

/** Mounts one target, of the installed generation or of a published manifest. */
export async function mount(host: Host, options: MountOptions, report: Report): Promise<MountResult> {
  const { root, reference, integrity = 'verity', readonly = false } = options;
  const machine = await openMachine(host, root);
  const name = parseServiceName(options.target ?? (reference === undefined ? 'hostfs' : 'livecd'));
  const { target, store, generation } =
    reference === undefined
      ? await installed(host, machine, name, options)
      : await live(host, machine, name, { ...options, reference }, report);
  const at = await placeFor(host, machine, name, options.dest);
  const isRoot = target.service_type === 'hostfs' || reference !== undefined;
  const upper = isRoot ? ({ kind: 'memory' } as const) : scratchUpper(machine.paths);
  const mounted = await mountTarget(host, machine, store, {
    target,
    at,
    integrity,
    upper: readonly ? undefined : upper,
    owner,
  });
  const { version, digest } = target;
  const { isWritable, isNew: changed } = mounted;
  return { name, version, digest, at: mounted.target, generation, integrity, isWritable, changed };
}

async function placeFor(
  host: Host,
  { paths }: Machine,
  name: ServiceName,
  dest: string | undefined,
): Promise<string> {
  if (dest === undefined) return folderBelow(host, paths, `${paths.mounts}/${name}`);
  await host.files.makeFolder(dest, { parents: true });
  return dest;
}

async function installed(
  host: Host,
  machine: Machine,
  name: ServiceName,
  { ca }: MountOptions,
): Promise<Found> {
  const commit = await runningCommit(host, machine, `mount ${name}`);
  const generation = await loadGeneration(host, machine, commit, { ca });
  const { target } = findTarget(generation.machine, name);
  return { target, store: await openStore(host, machine), generation: generation.number };
}

/** Verifies the manifest, and fetches what this target needs. */
async function live(
  host: Host,
  machine: Machine,
  name: ServiceName,
  options: MountOptions & { readonly reference: Reference },
  report: Report,
): Promise<Found> {
  const { access } = options;
  await using repositories = await openMirrored(host, machine, access, report);
  const accepted = await acceptManifest(host, machine, repositories, options, report);
  const { manifest } = accepted.verified;
  await requireMachineFloor(host, machine, accepted.shown, manifest.security_version);
  const target = targetOf(manifest, name, accepted.shown);
  const importing = { signal: access.signal, report };
  const plans = await planImages([target], accepted.images, await openStoreIfThere(host, machine), importing);
  await requireSpace(host, machine.paths.store, bytesOf(plans), async () => 0);
  const store = await openStore(host, machine, { create: true, owner });
  await using _session = await store.session();
  await importImages(host, plans, accepted.images, store, importing);
  return { target, store, generation: null };
}
