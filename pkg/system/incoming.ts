import { MosError } from '../errors/index.ts';
import { type Host, readTextIfThere } from '../host/index.ts';
import {
  type Change,
  diffContent,
  type IdRange,
  type Merged,
  mergeUpdate,
  parseSubordinateIds,
  renderSystemManifest,
  summarizeChanges,
} from '../manifest/index.ts';
import {
  commitGeneration,
  type GenerationCommit,
  listGenerations,
  lockState,
  manifestTrailer,
  readAllocations,
  readRoles,
  recordAllocations,
  recordProduct,
  recordRelease,
  type StateLock,
  type Trailers,
} from '../state/index.ts';
import type { Report } from '../steps/index.ts';
import type { Undo } from '../undo/index.ts';
import {
  type Accepted,
  type AcceptOptions,
  acceptManifest,
  requireNotOlder,
  signedFileOf,
} from './accept.ts';
import type { Roles } from './current.ts';
import { contentOf, type LoadedGeneration, manifestsOf } from './generation.ts';
import { bytesOf, type ImagePlan, importImages, planImages, requireSpace } from './images.ts';
import { imagesOfGenerations, repairIndex } from './kept-images.ts';
import { type Machine, openStore, openStoreIfThere } from './machine.ts';
import { openMirrored } from './mirror/index.ts';
import { requireOfferedArch } from './offered.ts';
import { keepRevocations } from './revocation.ts';

export type IncomingOptions = AcceptOptions & {
  readonly root: string;
  /** Stop before the first change. */
  readonly plan?: boolean;
};

/** A manifest on its way to become a generation: the context of install and update, filled in by their steps. */
export type Incoming<O extends IncomingOptions = IncomingOptions> = {
  readonly host: Host;
  readonly options: O;
  readonly report: Report;
  readonly machine: Machine;
  /** Given back at the end, however it ends. */
  readonly held: Undo;
  /** `mosctl update`: whom others see holding the lock. */
  readonly owner: string;
  /** What the machine runs or has waiting for a reboot; undefined at the first install. */
  previous?: LoadedGeneration;
  accepted: Accepted;
  /** As they were when the operation began. */
  roles: Roles;
  lock: StateLock;
  merged: Merged;
  changes: readonly Change[];
  images: readonly ImagePlan[];
  /** Also where an interrupted run made it. */
  made?: GenerationCommit;
};

export function madeBy({ made }: Incoming): GenerationCommit {
  if (made === undefined) throw new MosError('internal', 'cannot go on: no generation was written');
  return made;
}

export async function verifyManifest(c: Incoming): Promise<void> {
  const repositories = await openMirrored(c.host, c.machine, c.options.access, c.report);
  c.held.add(() => repositories[Symbol.asyncDispose]());
  c.accepted = await acceptManifest(c.host, c.machine, repositories, c.options, c.report);
}

/**
 * From here on nobody else changes the machine; whoever comes second is told who is at work and does not wait for a
 * download to end. What was looked at before must still be so.
 */
export async function lock(c: Incoming): Promise<void> {
  const held = await lockState(c.host, c.machine.state, { owner: c.owner, wait: 0 });
  c.held.add(() => held[Symbol.asyncDispose]());
  c.lock = held;
  const now = await readRoles(c.host, c.machine.state);
  if (now.current === c.roles.current && now.next === c.roles.next) return;
  throw new MosError('state', 'cannot go on: another mosctl has changed the machine in the meantime', {
    hint: 'look at mosctl log and try again',
  });
}

export async function lookAtRoles(c: Incoming): Promise<Roles> {
  c.roles = await readRoles(c.host, c.machine.state);
  return c.roles;
}

/** Joins the manifest with what there is, and compares the images with the store. */
export async function planIncoming(c: Incoming): Promise<void> {
  const { host, machine, accepted, previous } = c;
  await requireNotOlder(host, machine, accepted);
  c.merged = mergeUpdate({
    update: { sha: accepted.sha, manifest: accepted.verified.manifest },
    allocations: (await readAllocations(host, machine.state)).value,
    hostRanges: await hostIdRanges(host, machine),
    ...(previous && { previous: { system: previous.system, sources: manifestsOf(previous.sources) } }),
  });
  const before = previous === undefined ? { targets: [], storage: [] } : contentOf(previous.machine);
  c.changes = diffContent(before, contentOf(c.merged.machine));
  const store = await openStoreIfThere(host, machine);
  const targets = c.merged.machine.targets.map(({ target }) => target);
  const { signal } = c.options.access;
  c.images = await planImages(targets, accepted.images, store, { signal, report: c.report });
  if (c.options.offered !== undefined)
    await requireOfferedArch(c.images, accepted.images, store, c.options.offered);
  const freeable = async (): Promise<number> => (await store?.gc({ dryRun: true }))?.bytes ?? 0;
  await requireSpace(host, machine.paths.store, bytesOf(c.images), freeable);
}

/** Ids that the host has given to its own users; a root that is no running system has none. */
export async function hostIdRanges(host: Host, { paths }: Machine): Promise<IdRange[]> {
  const base = paths.root === '/' ? '' : paths.root;
  const texts = await Promise.all(
    ['subuid', 'subgid'].map((name) => readTextIfThere(host, `${base}/etc/${name}`)),
  );
  return texts.flatMap((text) => parseSubordinateIds(text ?? ''));
}

export async function fetchImages(c: Incoming): Promise<void> {
  const { host, machine, accepted, images, options, report, owner } = c;
  const store = await openStore(host, machine, { create: true, owner });
  const session = await store.session();
  c.held.add(() => session[Symbol.asyncDispose]());
  const readImages = async () => {
    const numbers = (await listGenerations(host, machine.state)).map(({ number }) => number);
    return imagesOfGenerations(host, machine, numbers, options.ca, report);
  };
  await repairIndex(store, readImages, report);
  await importImages(host, images, accepted.images, store, { signal: options.access.signal, report });
}

/** Everything that the new generation needs, durable, and named by nobody yet. */
export async function writeGeneration(c: Incoming, reason: string): Promise<void> {
  const { host, accepted, merged, previous, changes } = c;
  const { machine, sources, system } = merged;
  await keepRevocations(host, c.machine, c.lock, accepted.revoked);
  await recordProduct(host, c.lock, accepted.product);
  await recordAllocations(host, c.lock, merged.allocations);
  const { release } = accepted.verified.manifest;
  await recordRelease(host, c.lock, { what: accepted.shown, release, sha: accepted.sha });
  const verified = new Map([...(previous?.sources ?? []), [accepted.sha, accepted.verified] as const]);
  const files = new Map(
    [...verified].filter(([sha]) => sources.has(sha)).map(([sha, one]) => [sha, signedFileOf(one)]),
  );
  const trailers: Trailers = [
    ...(machine.release === undefined ? [] : [['Release', String(machine.release)] as const]),
    ['Security-Version', String(machine.security_version)],
    ['Source', accepted.shown],
    [manifestTrailer, accepted.sha],
    ['Reason', reason],
  ];
  c.made = await commitGeneration(host, c.lock, {
    system: renderSystemManifest(system),
    files,
    summary: summarizeChanges(changes),
    trailers,
  });
}

export type ResultTarget = {
  readonly name: string;
  readonly version: string;
  readonly type: string;
  readonly digest: string;
};

export const resultTargets = ({ machine }: Pick<Merged, 'machine'>): ResultTarget[] =>
  machine.targets.map(({ target }) => ({
    name: target.service_name,
    version: target.version,
    type: target.service_type,
    digest: target.digest,
  }));
