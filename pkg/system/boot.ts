import type { Integrity } from '../atomfs/index.ts';
import { messageOf } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import type { Layout } from '../layout/index.ts';
import { isBootTarget, type MachineTarget } from '../manifest/index.ts';
import { addNote, lockState, moveRoles, readRoles } from '../state/index.ts';
import type { Report } from '../steps/index.ts';
import { startTarget, watchServices } from './activate.ts';
import { bootsAlike } from './boot-files/index.ts';
import { isOnTrial } from './boot-trial.ts';
import { effectiveRoles, readBooted, runningCommit } from './current.ts';
import { raiseMachineFloor } from './floor.ts';
import { type LoadedGeneration, loadGeneration } from './generation.ts';
import { type Machine, openMachine, openStore } from './machine.ts';
import { copiesFolder, uppersFolder } from './mounting.ts';
import { startInOrder } from './order.ts';
import type { StartRequest } from './service/index.ts';

export type BootOptions = {
  readonly root: string;
  readonly ca?: string | undefined;
  readonly integrity?: Integrity | undefined;
};

export type BootedTarget = {
  readonly name: string;
  readonly state: 'started' | 'mounted' | 'there already' | 'failed';
  readonly at: string | null;
  readonly problem: string | null;
};

export type BootResult = {
  readonly generation: number;
  readonly targets: readonly BootedTarget[];
  /** The generation waited for this boot and runs from now on. */
  readonly promoted: boolean;
  /** It proved good: everything that was to be started did. */
  readonly good: boolean;
};

const owner = 'mosctl boot';

/** Brings up every target but those the machine boots from, at once where nothing else is asked; one that fails stops only what needs it. */
export async function boot(host: Host, options: BootOptions, report: Report): Promise<BootResult> {
  const { root, ca, integrity = 'verity' } = options;
  const machine = await openMachine(host, root);
  const { sweepMolecules } = await import('../atomfs/index.ts');
  const uppers = [uppersFolder(machine.paths), copiesFolder(machine.paths)];
  await sweepMolecules(host, { runtime: machine.paths.run, owner, uppers });
  await followEntry(host, machine, ca);
  const generation = await loadGeneration(host, machine, await runningCommit(host, machine, 'boot'), { ca });
  const entries = generation.machine.targets.filter(({ target }) => !isBootTarget(target));
  const store = lateStore(host, machine);
  const what = { volumes: generation.machine.volumes, generation: generation.number };
  const watch = untilWatched(() => watchServices(host, machine.paths.root));
  const targets = await startInOrder(
    entries,
    async (entry) => start(host, { machine, store: await store(), entry, integrity, ...what }, watch),
    ({ name }, error): BootedTarget => {
      const problem = messageOf(error);
      report({ kind: 'note', text: `warning: ${problem}` });
      return { name, state: 'failed', at: null, problem };
    },
  );
  // Where all that the first supervisor found has ended meanwhile, it has ended too.
  if (targets.some(({ state }) => state === 'started')) await watchServices(host, machine.paths.root);
  const good = targets.every(({ state }) => state !== 'failed');
  // What the boot loader has on trial, the health gate judges: `mosctl boot-complete`.
  if (await isOnTrial(host, machine))
    return { generation: generation.number, targets, promoted: false, good: false };
  const promoted = await settle(host, machine, generation, good);
  return { generation: generation.number, targets, promoted, good };
}

/** The boot loader took another generation than was expected, by itself or because a person chose it: that one runs. */
async function followEntry(host: Host, machine: Machine, ca: string | undefined): Promise<void> {
  const booted = await readBooted(host, machine.paths);
  const { current, next } = await effectiveRoles(host, machine);
  if (booted?.entry === undefined || current === undefined) return;
  if (booted.commit === current || booted.commit === next) return;
  const load = { ca, belowFloor: true };
  const [running, expected] = [
    await loadGeneration(host, machine, booted.commit, load),
    await loadGeneration(host, machine, current, load),
  ];
  if (bootsAlike(running.machine, expected.machine)) return; // services were updated since
  await using lock = await lockState(host, machine.state, { owner, wait: lockWait });
  const reason = `the boot loader started generation ${booted.generation} in its place`;
  await addNote(host, lock, current, { kind: 'remark', reason });
  await moveRoles(host, lock, [{ role: 'current', from: current, to: booted.commit }]);
}

/** Opened once, and only when there is something to start: a store that can't be is the trouble of each target. */
function lateStore(host: Host, machine: Machine): () => Promise<Layout> {
  let opened: Promise<Layout> | undefined;
  return () => {
    opened ??= openStore(host, machine);
    return opened;
  };
}

const isService = ({ target }: MachineTarget): boolean => target.service_type === 'container';

/** A supervisor takes a moment to come, in which each further service that is up would start another one. */
function untilWatched(watch: () => Promise<boolean>): () => Promise<void> {
  let last = Promise.resolve(false);
  return async () => {
    last = last.catch(() => false).then((isWatched) => isWatched || watch());
    await last;
  };
}

async function start(host: Host, request: StartRequest, watch: () => Promise<void>): Promise<BootedTarget> {
  const { entry } = request;
  const { isNew, at } = await startTarget(host, request, watch);
  const made = isService(entry) ? 'started' : 'mounted';
  return { name: entry.name, state: isNew ? made : 'there already', at, problem: null };
}

/**
 * A generation that waited for this boot becomes the current one; one whose targets all came up is marked good, which
 * raises the floor (DESIGN "Trust" 7).
 */
async function settle(
  host: Host,
  machine: Machine,
  { commit, number, machine: { security_version } }: LoadedGeneration,
  good: boolean,
): Promise<boolean> {
  await using lock = await lockState(host, machine.state, { owner, wait: lockWait });
  const { current, next, good: before } = await readRoles(host, machine.state);
  const promoted = current !== commit && next === commit;
  // What is no `next` any more was left by a kill between these two.
  const isLeft = next !== undefined && (await effectiveRoles(host, machine)).next === undefined;
  if (promoted || isLeft)
    await moveRoles(host, lock, [
      { role: 'current', from: current, to: promoted ? commit : current },
      { role: 'next', from: next, to: undefined },
    ]);
  if (good) {
    await addNote(host, lock, commit, { kind: 'good', reason: 'every target came up' });
    await moveRoles(host, lock, [{ role: 'good', from: before, to: commit }]);
    await raiseMachineFloor(host, machine, lock, { number, securityVersion: security_version });
  }
  return promoted;
}

/** An update that is under way at boot may hold the lock for a while. */
const lockWait = 60_000;
