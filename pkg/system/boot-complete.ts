import { isMosError, MosError, messageOf } from '../errors/index.ts';
import { parseEntryName, readEsp } from '../esp/index.ts';
import type { Host } from '../host/index.ts';
import {
  addNote,
  type HistoryEntry,
  listGenerations,
  lockState,
  moveRoles,
  type RoleMove,
  readRoles,
} from '../state/index.ts';
import type { Report } from '../steps/index.ts';
import { readBootFailure } from './boot-failure.ts';
import { bootsAlike, bringEspUpToDate, espPlace, findEsp } from './boot-files/index.ts';
import { isOnTrial, nameEntry, readTrial, type Trial } from './boot-trial.ts';
import { type Booted, effectiveRoles, readBooted } from './current.ts';
import { hasFirmware, keepFirmwareEntries } from './firmware.ts';
import { raiseMachineFloor } from './floor.ts';
import { type LoadedGeneration, loadGeneration } from './generation.ts';
import { type GateOptions, passGate } from './health-gate.ts';
import { type Machine, openMachine } from './machine.ts';
import { reboot } from './reboot.ts';

export type BootCompleteOptions = GateOptions & {
  readonly root: string;
  readonly ca?: string | undefined;
  /**
   * Where the generation on trial does not prove good, the machine reboots: the boot loader then tries on, or falls back. A
   * function stands for the reboot of a machine that is none.
   */
  readonly reboot?: boolean | (() => Promise<void>);
};

export type BootCompleteResult = {
  /** null where no boot entry of ours was booted. */
  readonly generation: number | null;
  /** It was on trial, and proved good now. */
  readonly provedGood: boolean;
  /** Generations that used up their tries: nothing boots them any more. */
  readonly failed: readonly { readonly generation: number; readonly reason: string }[];
};

const owner = 'mosctl boot-complete';
/** An update that is under way may hold the lock for a while, in milliseconds. */
const lockWait = 60_000;
/** What proved good must not lose its try to a long download. The limits of mos-boot-complete.service are longer. */
const markWait = 10 * 60_000;

/** Ends the trial of what was booted: marked good, or left to the counter of the boot loader. */
export async function bootComplete(
  host: Host,
  options: BootCompleteOptions,
  report: Report,
): Promise<BootCompleteResult> {
  const machine = await openMachine(host, options.root);
  try {
    return await endTrial(host, machine, options, report);
  } catch (error) {
    // Who only had to wait for another one is well.
    if (options.reboot && !isMosError(error, 'busy') && (await hasOtherTries(host, machine)))
      await rebootBy(host, options);
    throw error;
  }
}

/**
 * False once it proved good. An entry that had no tries left when it was booted is all that there is, so the machine runs
 * on: a reboot would start the same again. What can't be told is taken for a failure.
 */
async function hasOtherTries(host: Host, machine: Machine): Promise<boolean> {
  const booted = await readBooted(host, machine.paths);
  if (!parseEntryName(booted?.entry ?? '')?.tries?.left) return false;
  return isOnTrial(host, machine).catch(() => true);
}

const rebootBy = (host: Host, { root, reboot: how }: BootCompleteOptions): Promise<void> =>
  typeof how === 'function' ? how() : reboot(host, { root, isFailure: true });

async function endTrial(
  host: Host,
  machine: Machine,
  options: BootCompleteOptions,
  report: Report,
): Promise<BootCompleteResult> {
  const booted = await readBooted(host, machine.paths);
  if (booted?.entry === undefined) return { generation: null, provedGood: false, failed: [] };
  if (options.root === '/') await keepEntries(host, report);
  const failed = await judgeFailed(host, machine, report);
  const trial = await readTrial(host, machine);
  const isJudged = trial === undefined && (await isHalfMarked(host, machine, booted));
  if (trial !== undefined) await judge(host, machine, trial, booted, options, report);
  if (trial !== undefined || isJudged) await markGood(host, machine, trial, booted, options.ca);
  await tidyEsp(host, machine, options.ca, report);
  return { generation: booted.generation, provedGood: trial !== undefined || isJudged, failed };
}

async function keepEntries(host: Host, report: Report): Promise<void> {
  const esp = (await host.mounts.table()).find(({ target }) => target === `/${espPlace.join('/')}`);
  if (esp !== undefined && (await hasFirmware(host))) await keepFirmwareEntries(host, esp.source, report);
}

/** Ends with an error where it is not well. */
async function judge(
  host: Host,
  machine: Machine,
  trial: Trial,
  { commit, entry }: Booted,
  options: BootCompleteOptions,
  report: Report,
): Promise<void> {
  const generation = await loadGeneration(host, machine, commit, { ca: options.ca });
  const problems = await passGate(host, machine, generation, options);
  if (problems.length === 0) return;
  const { left, done } = trial.entry.tries;
  const reason = problems.join('; ');
  await remark(host, machine, commit, `try ${done} of ${done + left} did not prove good: ${reason}`, report);
  const isAll = parseEntryName(entry ?? '')?.tries?.left === 0;
  throw new MosError('state', `cannot mark generation ${generation.number} good: ${reason}`, {
    hint: isAll
      ? 'there is nothing else to boot, so it runs on; mosctl boot-complete judges it again'
      : left > 0
        ? `the boot loader tries it ${left} more time${left === 1 ? '' : 's'}, then it takes the last good one`
        : 'the next boot takes the last good one',
  });
}

/** A full disk, a broken git, another one's lock: nothing keeps the machine from falling back. */
async function remark(
  host: Host,
  machine: Machine,
  commit: string,
  reason: string,
  report: Report,
): Promise<void> {
  try {
    await using lock = await lockState(host, machine.state, { owner, wait: lockWait });
    await addNote(host, lock, commit, { kind: 'remark', reason });
  } catch (error) {
    report({ kind: 'note', text: `warning: the history does not say that ${reason}: ${messageOf(error)}` });
  }
}

/** Its counter went, and then the power. */
async function isHalfMarked(host: Host, machine: Machine, { commit, entry }: Booted): Promise<boolean> {
  if (parseEntryName(entry ?? '')?.tries === undefined) return false;
  const { next, good } = await readRoles(host, machine.state);
  return next === commit || good !== commit;
}

/**
 * The counter goes first: a cut afterwards leaves a generation that boots, and is promoted by the next `mosctl boot`. The
 * roles come last: by them a repetition sees what is left to do.
 */
async function markGood(
  host: Host,
  machine: Machine,
  trial: Trial | undefined,
  { commit }: Booted,
  ca: string | undefined,
): Promise<void> {
  const generation = await loadGeneration(host, machine, commit, { ca });
  await using lock = await lockState(host, machine.state, { owner, wait: markWait });
  if (trial !== undefined) await nameEntry(host, trial, { generation: trial.generation });
  await addNote(host, lock, commit, { kind: 'good', reason: 'every target came up' });
  const { number, machine: system } = generation;
  await raiseMachineFloor(host, machine, lock, { number, securityVersion: system.security_version });
  await moveRoles(host, lock, await promotion(host, machine, generation, ca));
}

/** Services may have been updated while it was on trial: then what is current stays so. */
async function promotion(
  host: Host,
  machine: Machine,
  { commit, machine: system }: LoadedGeneration,
  ca: string | undefined,
): Promise<RoleMove[]> {
  const { current, next, good } = await readRoles(host, machine.state);
  const load = { ca, belowFloor: true };
  const now = current === undefined ? undefined : await loadGeneration(host, machine, current, load);
  const isNewer = now !== undefined && next !== commit && bootsAlike(now.machine, system);
  return [
    { role: 'current', from: current, to: isNewer ? current : commit },
    ...(next === commit ? [{ role: 'next' as const, from: next, to: undefined }] : []),
    { role: 'good', from: good, to: commit },
  ];
}

/** What waited, was tried, and does not run: its tries are used up. */
async function judgeFailed(
  host: Host,
  machine: Machine,
  report: Report,
): Promise<BootCompleteResult['failed']> {
  const esp = await findEsp(host, machine);
  const booted = await readBooted(host, machine.paths);
  const { next } = await effectiveRoles(host, machine);
  const entry = (await listGenerations(host, machine.state)).find(({ commit }) => commit === next);
  if (esp === undefined || entry === undefined || booted?.commit === next) return [];
  const names = (await readEsp(host, esp)).entries.map(({ name }) => parseEntryName(name));
  const left = names.filter((name) => name?.generation === entry.number);
  // Without one a power cut came before it was written; with tries left somebody chose another one.
  if (left.length === 0 || left.some((name) => name?.tries?.left !== 0)) return [];
  await using lock = await lockState(host, machine.state, { owner, wait: lockWait });
  const reason = `its ${left[0]?.tries?.done} tries are used up; ${await lastWords(host, machine, entry)}`;
  await addNote(host, lock, entry.commit, { kind: 'bad', reason });
  await moveRoles(host, lock, [{ role: 'next', from: next, to: undefined }]);
  report({ kind: 'note', text: `warning: generation ${entry.number} failed: ${reason}` });
  return [{ generation: entry.number, reason }];
}

/** Why it failed, as far as it came. */
async function lastWords(host: Host, machine: Machine, { number, notes }: HistoryEntry): Promise<string> {
  const remark = notes.findLast(({ kind }) => kind === 'remark')?.reason;
  const failure = await readBootFailure(host, machine.paths, number);
  if (failure !== undefined) return `its initrd said: ${failure}`;
  return (
    remark ??
    'it never came so far as to say why: the firmware refused its boot file, or the kernel in it failed'
  );
}

/** Brings the ESP to what the roles say: what is old goes, what an interrupted update has not written comes. */
async function tidyEsp(host: Host, machine: Machine, ca: string | undefined, report: Report): Promise<void> {
  await using _lock = await lockState(host, machine.state, { owner, wait: lockWait });
  await bringEspUpToDate(host, machine, ca, report);
}
