import { isMosError, messageOf } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import type { Layout } from '../layout/index.ts';
import {
  keptGenerations,
  listGenerations,
  readAcceptedRelease,
  readAllocations,
  readProduct,
  readRoles,
  verifyRepository,
} from '../state/index.ts';
import type { Report } from '../steps/index.ts';
import { machineFloor } from './floor.ts';
import { type LoadedGeneration, loadGeneration } from './generation.ts';
import { bytesOf, planImages } from './images.ts';
import { type Machine, notInstalled, openMachine, openStore } from './machine.ts';
import { installMark } from './paths.ts';

export type VerifyOptions = {
  readonly root: string;
  readonly ca?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type VerifyResult = {
  /** Objects of manifest.git that were read and hashed. */
  readonly objects: number;
  /** Kept generations whose manifests were verified. */
  readonly generations: readonly number[];
  /** Of these, those whose images gc was told to remove. */
  readonly collected: readonly number[];
  readonly blobs: number;
  readonly bytes: number;
  /** Mounts that were looked at. */
  readonly mounts: readonly string[];
  readonly problems: readonly VerifyProblem[];
  /** Harmless: blobs that nothing names. */
  readonly orphans: number;
};

export type VerifyProblem = {
  readonly where: 'state' | 'generation' | 'store' | 'mount';
  readonly message: string;
};

/** Reads and hashes everything: the state, the manifests of kept generations, the store, what is mounted. */
export async function verify(host: Host, options: VerifyOptions, report: Report): Promise<VerifyResult> {
  const machine = await openMachine(host, options.root);
  const problems: VerifyProblem[] = [];
  const add = (where: VerifyProblem['where'], message: string): void =>
    void problems.push({ where, message });
  const { objects, problems: damaged } = await verifyRepository(host, machine.state);
  if (objects === 0 && damaged.length === 0) throw notInstalled(machine, 'verify');
  for (const message of damaged) add('state', message);
  await verifyRecords(host, machine, add);
  const store = await openStore(host, machine).catch((error: unknown) => {
    add('store', messageOf(error));
    return undefined;
  });
  const found = await verifyGenerations(host, machine, store, options, add);
  const { signal } = options;
  const scrub = await scrubStore(store, add, { report, ...(signal === undefined ? {} : { signal }) });
  const wrong = scrub.problems.filter(({ kind }) => kind !== 'orphan');
  for (const { message, neededBy } of wrong)
    add('store', neededBy.length === 0 ? message : `${message} (needed by ${neededBy.join(', ')})`);
  const mounts = await verifyMounts(host, machine, add);
  const { blobs, bytes } = scrub;
  const orphans = scrub.problems.length - wrong.length;
  return { objects, ...found, blobs, bytes, mounts, problems, orphans };
}

/** Where index.json can't be read there is nothing to begin with. */
async function scrubStore(
  store: Layout | undefined,
  add: Add,
  options: Parameters<Layout['verify']>[0],
): Promise<Awaited<ReturnType<Layout['verify']>>> {
  const nothing = { blobs: 0, bytes: 0, problems: [] };
  try {
    return (await store?.verify(options)) ?? nothing;
  } catch (error) {
    if (!isMosError(error, 'invalid') && !isMosError(error, 'not-found')) throw error;
    add('store', `${messageOf(error)}; mosctl gc makes it again`);
    return nothing;
  }
}

type Add = (where: VerifyProblem['where'], message: string) => void;

type Generations = { generations: number[]; collected: number[] };

/** Replaced generations that are not kept stop nothing: their images may be gone. */
async function verifyGenerations(
  host: Host,
  machine: Machine,
  store: Layout | undefined,
  { ca }: VerifyOptions,
  add: Add,
): Promise<Generations> {
  const found: Generations = { generations: [], collected: [] };
  const entries = await listGenerations(host, machine.state).catch((error: unknown) => {
    add('generation', messageOf(error));
    return [];
  });
  await verifyRoles(host, machine, ca, add);
  const required = new Set(keptGenerations(entries, 0));
  // Why it can't be read, the scrub says.
  const tags = new Set(await store?.tags().catch(() => []));
  for (const entry of keptGenerations(entries))
    try {
      found.generations.push(entry.number);
      const generation = await loadGeneration(host, machine, entry.number, { ca, belowFloor: true });
      const isWhole = generation.machine.targets.every(({ target }) => tags.has(target.digest));
      if (store === undefined) continue;
      if (isWhole || required.has(entry)) await verifyImages(generation, store);
      else found.collected.push(entry.number);
    } catch (error) {
      add('generation', `generation ${entry.number}: ${messageOf(error)}`);
    }
  return found;
}

/** Small files that can't be read; where the history tells the same, the machine goes on without them. */
async function verifyRecords(host: Host, machine: Machine, add: Add): Promise<void> {
  const floor = () => machineFloor(host, machine);
  for (const read of [readAcceptedRelease, floor, readProduct, readAllocations])
    try {
      const { problem } = await read(host, machine.state);
      if (problem !== undefined) add('state', problem);
    } catch (error) {
      add('state', messageOf(error));
    }
}

/** What the next boot would refuse: commits that aren't ours, a generation below the floor, not signed, of another product. */
async function verifyRoles(host: Host, machine: Machine, ca: string | undefined, add: Add): Promise<void> {
  // What can't be read was told with the refs.
  const held = await readRoles(host, machine.state).catch(() => undefined);
  if (held === undefined) return;
  if (held.current === undefined && held.next === undefined) add('state', await lostRole(host, machine));
  for (const role of ['current', 'next'] as const) {
    const commit = held[role];
    if (commit === undefined) continue;
    await loadGeneration(host, machine, commit, { ca }).catch((error: unknown) =>
      add('generation', `${role}: ${messageOf(error)}`),
    );
  }
}

async function lostRole(host: Host, { paths, state }: Machine): Promise<string> {
  if ((await host.files.stat(installMark(paths))) !== undefined)
    return 'an install was interrupted: run it again to end it';
  return `refs/mos/current is lost, nothing tells what runs; git -C ${state.repository} update-ref refs/mos/current generation-N tells it again`;
}

/** The store has all that the manifests name; what the bytes are, the scrub looks at. */
async function verifyImages({ machine }: LoadedGeneration, store: Layout): Promise<void> {
  const targets = machine.targets.map(({ target }) => target);
  const plans = await planImages(targets, store, store, { report: () => {} });
  const [missing] = plans.flatMap(({ target, copy }) =>
    copy.missing.map(({ descriptor }) => ({ target, descriptor })),
  );
  if (missing !== undefined)
    throw new Error(
      `${missing.descriptor.digest} of ${missing.target.service_name} is missing (${bytesOf(plans).missing} bytes in all)`,
    );
}

async function verifyMounts(host: Host, { paths }: Machine, add: Add): Promise<string[]> {
  const { listMolecules, verifyMolecule } = await import('../atomfs/index.ts');
  const runtime = { runtime: paths.run };
  const targets = (await listMolecules(host, runtime)).map(({ target }) => target);
  for (const target of targets)
    for (const layer of await verifyMolecule(host, target, runtime))
      if (layer.state !== 'ok') add('mount', `${target}: ${layer.digest}: ${layer.problem}`);
  return targets;
}
