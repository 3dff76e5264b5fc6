import type { Integrity } from '../atomfs/index.ts';
import { messageOf } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { isBootTarget, type MachineTarget } from '../manifest/index.ts';
import { addNote, lockState, moveRoles, raiseFloor, readRoles } from '../state/index.ts';
import type { Report } from '../steps/index.ts';
import { startTarget } from './activate.ts';
import { effectiveRoles, runningCommit } from './current.ts';
import { type LoadedGeneration, loadGeneration } from './generation.ts';
import { type Machine, openMachine, openStore } from './machine.ts';

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

/** Brings up every target but those the machine boots from; one that fails does not stop the others. */
export async function boot(host: Host, options: BootOptions, report: Report): Promise<BootResult> {
  const { root, ca, integrity = 'verity' } = options;
  const machine = await openMachine(host, root);
  const { sweepMolecules } = await import('../atomfs/index.ts');
  const uppers = [`${machine.paths.scratch}/molecules`];
  await sweepMolecules(host, { runtime: machine.paths.run, owner, uppers });
  const generation = await loadGeneration(host, machine, await runningCommit(host, machine, 'boot'), { ca });
  const targets: BootedTarget[] = [];
  for (const entry of generation.machine.targets.filter(({ target }) => !isBootTarget(target)))
    targets.push(await start(host, machine, entry, generation, integrity, report));
  const good = targets.every(({ state }) => state !== 'failed');
  const promoted = await settle(host, machine, generation, good);
  return { generation: generation.number, targets, promoted, good };
}

async function start(
  host: Host,
  machine: Machine,
  entry: MachineTarget,
  loaded: LoadedGeneration,
  integrity: Integrity,
  report: Report,
): Promise<BootedTarget> {
  const { name, target } = entry;
  try {
    const store = await openStore(host, machine);
    const { isNew, at } = await startTarget(host, {
      machine,
      store,
      entry,
      integrity,
      volumes: loaded.machine.volumes,
      generation: loaded.number,
    });
    const made = target.service_type === 'container' ? 'started' : 'mounted';
    return { name, state: isNew ? made : 'there already', at, problem: null };
  } catch (error) {
    const problem = messageOf(error);
    report({ kind: 'note', text: `warning: ${problem}` });
    return { name, state: 'failed', at: null, problem };
  }
}

/**
 * A generation that waited for this boot becomes the current one; one whose targets all came up is marked good, which
 * raises the floor (DESIGN "Trust" 7).
 */
async function settle(
  host: Host,
  machine: Machine,
  { commit, machine: { security_version } }: LoadedGeneration,
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
    await raiseFloor(host, lock, security_version);
  }
  return promoted;
}

/** An update that is under way at boot may hold the lock for a while. */
const lockWait = 60_000;
