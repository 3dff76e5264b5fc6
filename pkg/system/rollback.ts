import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { type Change, diffContent, summarizeChanges } from '../manifest/index.ts';
import {
  addNote,
  commitGeneration,
  type GenerationCommit,
  type HistoryEntry,
  listGenerations,
  lockState,
  moveRoles,
  numberTrailer,
  readGeneration,
  readRoles,
  refreshView,
  type StateLock,
  trailer,
} from '../state/index.ts';
import type { Report } from '../steps/index.ts';
import { Undo } from '../undo/index.ts';
import {
  espBytes,
  findEsp,
  planBootFiles,
  removeEntries,
  type Staging,
  stageBootFiles,
  unstageBootFiles,
  writeEntries,
} from './boot-files/index.ts';
import { effectiveRoles, type Roles } from './current.ts';
import { contentOf, type LoadedGeneration, loadGeneration } from './generation.ts';
import { bytesOf, planImages } from './images.ts';
import { type Machine, notInstalled, openMachine, openStore } from './machine.ts';
import {
  changingSteps,
  type OperationPlan,
  type OperationStep,
  runOperation,
  stepsWith,
} from './operation.ts';
import { rolesBack, rolesFor } from './roles.ts';

export type RollbackOptions = {
  readonly root: string;
  readonly ca?: string | undefined;
  /** Default: the last one before that proved good, else the last one that is not bad. */
  readonly to?: number | undefined;
  readonly reason?: string | undefined;
  readonly plan?: boolean;
};

export type RollbackResult = {
  /** The new one, which has the content of `to`. */
  readonly generation: number;
  readonly to: number;
  readonly changed: boolean;
  readonly needsReboot: boolean;
  readonly changes: readonly Change[];
};

type RollingBack = Staging & {
  readonly host: Host;
  readonly options: RollbackOptions;
  readonly report: Report;
  readonly machine: Machine;
  readonly held: Undo;
  lock: StateLock;
  /** As they were when it began. */
  roles: Roles;
  /** What runs, and what is left: that, or what waits for a reboot. */
  current: LoadedGeneration;
  newest: LoadedGeneration;
  chosen: LoadedGeneration;
  changes: readonly Change[];
  made?: GenerationCommit;
};

/** Numbers only grow: going back is a new generation with the content of an old one, and the reason beside it. */
const allSteps: readonly OperationStep<RollingBack>[] = [
  { name: 'lock the state', changes: true, run: lock },
  { name: 'choose and verify the generation', run: choose },
  { name: 'look for its images', run: requireImages },
  { name: 'plan the boot files', esp: true, run: planBoot },
  { name: 'write the new generation', changes: true, run: write },
  { name: 'put its boot file on the ESP', esp: true, changes: true, run: stage, undo: unstageBootFiles },
  { name: 'switch to it', changes: true, run: switchOver, undo: switchBack },
  { name: 'write its boot entry', esp: true, changes: true, run: writeEntries, undo: removeEntries },
  { name: 'tidy up', changes: true, run: tidyUp },
];

export async function rollback(
  host: Host,
  options: RollbackOptions,
  report: Report,
): Promise<RollbackResult | OperationPlan> {
  await using held = new Undo();
  const machine = await openMachine(host, options.root);
  const context = { host, options, report, machine, held } as RollingBack;
  const steps = stepsWith(allSteps, (await findEsp(host, machine)) !== undefined);
  await runOperation(context, steps, report, options.plan);
  return options.plan ? planOf(context) : resultOf(context);
}

function planOf({ chosen, changes, bootFiles }: RollingBack): OperationPlan {
  const esp = espBytes(bootFiles);
  return {
    operation: 'rollback',
    reference: `generation ${chosen.number}`,
    steps: changingSteps(stepsWith(allSteps, (bootFiles?.plan.calls.length ?? 0) > 0)),
    bytes: bytesOf([]),
    ...(esp === null ? {} : { esp }),
    changes,
  };
}

const resultOf = (c: RollingBack): RollbackResult => ({
  generation: c.made?.number ?? c.newest.number,
  to: c.chosen.number,
  changed: c.made !== undefined,
  needsReboot: c.made !== undefined && needsReboot(c),
  changes: c.changes,
});

async function lock(c: RollingBack): Promise<void> {
  const held = await lockState(c.host, c.machine.state, { owner: 'mosctl rollback', wait: 0 });
  c.held.add(() => held[Symbol.asyncDispose]());
  c.lock = held;
}

async function choose(c: RollingBack): Promise<void> {
  const { host, machine, options } = c;
  c.roles = await readRoles(host, machine.state);
  const { current, next } = await effectiveRoles(host, machine);
  const newest = next ?? current;
  if (newest === undefined) throw notInstalled(machine, 'roll back');
  const load = { ca: options.ca, belowFloor: true };
  c.newest = await loadGeneration(host, machine, newest, load);
  c.current =
    current === undefined || current === newest
      ? c.newest
      : await loadGeneration(host, machine, current, load);
  if (await isUnfinished(c)) return;
  const to = options.to ?? lastGood(await listGenerations(host, machine.state), c.newest.number, c.report);
  c.chosen = await loadGeneration(host, machine, to, { ca: options.ca });
  c.changes = diffContent(contentOf(c.newest.machine), contentOf(c.chosen.machine));
}

/** The trailers by which a repeated rollback knows its own. */
const fromTrailer = 'Rollback-From';
const toTrailer = 'Rollback-To';

/** A rollback that was stopped after its switch has not written the remark yet: it is ended, not done again. */
async function isUnfinished(c: RollingBack): Promise<boolean> {
  const { host, machine, newest, options } = c;
  const left = numberTrailer(newest.trailers, fromTrailer);
  const to = numberTrailer(newest.trailers, toTrailer);
  if (left === undefined || to === undefined || (options.to ?? to) !== to) return false;
  const entry = (await listGenerations(host, machine.state)).find(({ number }) => number === left);
  if (entry === undefined || entry.notes.some(({ reason }) => reason === trailer(newest.trailers, 'Reason')))
    return false;
  c.made = newest;
  c.newest = await loadGeneration(host, machine, left, { ca: options.ca, belowFloor: true });
  c.chosen = await loadGeneration(host, machine, to, { ca: options.ca });
  c.changes = diffContent(contentOf(c.newest.machine), contentOf(c.chosen.machine));
  return true;
}

/**
 * To the last one that proved good, not to the one before (PITFALLS "Updates"). Where none has proved good yet, as on a
 * machine that has not booted, to the last one that is not known to be bad, and it is said.
 */
function lastGood(entries: readonly HistoryEntry[], newest: number, report: Report): number {
  const older = entries.filter((entry) => entry.number < newest && entry.verdict !== 'bad');
  const good = older.find((entry) => entry.verdict === 'good');
  if (good !== undefined) return good.number;
  const [before] = older;
  if (before === undefined)
    throw new MosError('not-found', `cannot roll back: there is no generation before ${newest} to go to`, {
      hint: 'mosctl log lists the generations; choose one with --to N',
    });
  report({
    kind: 'note',
    text: `generation ${before.number} has not proved good: it is the last one that is not bad`,
  });
  return before.number;
}

async function requireImages({ host, machine, chosen, report }: RollingBack): Promise<void> {
  const store = await openStore(host, machine);
  const targets = chosen.machine.targets.map(({ target }) => target);
  const gone = (cause?: unknown): MosError =>
    new MosError(
      'not-found',
      `cannot roll back to generation ${chosen.number}: its images are not in the store any more`,
      {
        hint: 'update to its manifest again, or choose another one with --to N',
        ...(cause === undefined ? {} : { cause }),
      },
    );
  const plans = await planImages(targets, store, store, { report }).catch((error: unknown) => {
    throw error instanceof MosError && error.code === 'not-found' ? gone(error) : error;
  });
  if (bytesOf(plans).missing > 0) throw gone();
}

const isSame = ({ changes }: RollingBack): boolean => changes.length === 0;

async function write(c: RollingBack): Promise<void> {
  const { host, machine, chosen, newest, options } = c;
  if (isSame(c) || c.made !== undefined) return;
  const { system, files } = await readGeneration(host, machine.state, chosen.commit);
  const kept = chosen.trailers.filter(([key]) => !ownTrailers.includes(key));
  c.made = await commitGeneration(host, c.lock, {
    system,
    files,
    summary: `rollback to generation ${chosen.number}: ${summarizeChanges(c.changes)}`,
    trailers: [
      ...kept,
      [fromTrailer, String(newest.number)],
      [toTrailer, String(chosen.number)],
      ['Reason', reasonOf(options, chosen.number, newest.number)],
    ],
  });
}

const ownTrailers: readonly string[] = [fromTrailer, toTrailer, 'Reason'];

const reasonOf = ({ reason }: RollbackOptions, to: number, from: number): string =>
  `rollback from generation ${from} to ${to}${reason === undefined ? '' : `: ${reason}`}`;

const needsReboot = ({ current, chosen }: RollingBack): boolean =>
  diffContent(contentOf(current.machine), contentOf(chosen.machine)).some((change) => change.boot);

async function planBoot(c: RollingBack): Promise<void> {
  const { host, machine, options, report, current, newest, chosen, made } = c;
  const fresh = isSame(c) ? newest : { number: made?.number, machine: chosen.machine };
  const waits = isSame(c) ? newest !== current : needsReboot(c);
  c.bootFiles = await planBootFiles(host, {
    ...{ machine, ca: options.ca, report },
    roles: waits ? { current, next: fresh } : { current: fresh },
  });
}

async function stage(c: RollingBack): Promise<void> {
  await planBoot(c); // by now it has a number
  await stageBootFiles(c);
}

async function switchBack(c: RollingBack): Promise<void> {
  if (c.made !== undefined)
    await moveRoles(c.host, c.lock, rolesBack(await readRoles(c.host, c.machine.state), c.roles));
}

async function switchOver(c: RollingBack): Promise<void> {
  if (c.made === undefined) return;
  const roles = await readRoles(c.host, c.machine.state);
  await moveRoles(c.host, c.lock, rolesFor(roles, c.made.commit, needsReboot(c)));
}

/** The remark goes last: it says that the rollback is done. */
async function tidyUp(c: RollingBack): Promise<void> {
  const { host, newest, made } = c;
  if (made === undefined) return;
  await refreshView(host, c.lock);
  const reason = trailer(made.trailers, 'Reason') ?? '';
  await addNote(host, c.lock, newest.commit, { kind: 'remark', reason });
}
