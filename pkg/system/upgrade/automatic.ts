import type { UpgradeRecord } from './record.ts';
import type { UpdateSettings } from './settings.ts';
import { isMissed, type MachineLook, stateOf, verdictOf } from './state.ts';
import type { UpdateHold } from './update-holds.ts';
import { nextOpening, parseWindow } from './window.ts';

export const automaticActions = ['check', 'prepare', 'activate', 'reboot', 'fall-back'] as const;
export type AutomaticAction = (typeof automaticActions)[number];

/** What automatic updates do next, not before `at`, and what it waits for. */
export type NextAction = {
  readonly action: AutomaticAction;
  readonly at: Date;
  readonly why: readonly string[];
};

export type AutomaticState = {
  readonly settings: Pick<UpdateSettings, 'automatic' | 'window' | 'checkEvery' | 'source'>;
  readonly record: UpgradeRecord;
  readonly machine: MachineLook;
  readonly holds: readonly UpdateHold[];
};

const minute = 60_000;
const hour = 60 * minute;
/** How long a generation may take to prove good before it is taken back. */
export const proofTime = 15 * minute;
const firstRetry = 5 * minute;
const longestRetry = 24 * hour;

/** Each failure in a row doubles the time to the next try. */
export const retryAfter = (failures: number): number =>
  failures === 0 ? 0 : Math.min(firstRetry * 2 ** (failures - 1), longestRetry);

/** The next action; null where nothing is to be done until somebody changes something. */
export function planAutomatic(state: AutomaticState, now: Date): NextAction | null {
  const { settings, record } = state;
  if (!settings.automatic || settings.source === null) return null;
  const update = stateOf(record);
  const back = planFallBack(state);
  if (back !== null) return laterBy(state, back, now);
  if (update === 'Ready') return change('reboot', state, now);
  const check = planCheck(state, now);
  if (check.at <= now || update === 'Idle') return check;
  const next = update === 'Staged' ? change('activate', state, now) : after('prepare', state, now);
  // While it looks again, what it waits for is the same.
  return next.at < check.at ? next : { ...check, why: [...check.why, ...next.why] };
}

/** What was made and does not prove good is taken back; until it is known, nothing else begins. */
function planFallBack({ record, machine }: AutomaticState): NextAction | null {
  const { running, next, bootId, history } = machine;
  const now = (why: string): NextAction => ({ action: 'fall-back', at: new Date(0), why: [why] });
  if (verdictOf(machine, next) === 'bad') return now(`generation ${next} failed`);
  const isBetter = history.some(({ generation, verdict }) => generation < running && verdict !== 'bad');
  if (verdictOf(machine, running) === 'bad' && (next !== null || isBetter))
    return now(`generation ${running} failed`);
  const { trial } = record;
  if (trial === null) return null;
  const isNext = trial.generation === next;
  // Whoever activated it: what a reboot did not start must not be rebooted for again and again.
  if (isNext ? !isMissed(trial, bootId) : !trial.automatic) return null;
  // The boot loader may try it again, and the health gate may judge it, before we do.
  const since = trial.since === null ? 0 : Date.parse(trial.since);
  const why = isNext
    ? 'the machine was rebooted and did not start it'
    : `generation ${trial.generation} has not proved good yet`;
  return { action: 'fall-back', at: new Date(since + proofTime), why: [why] };
}

function planCheck(state: AutomaticState, now: Date): NextAction {
  const { settings, record } = state;
  const { checked: last } = record.automatic;
  // By a clock that was set back since: it would not look again before that time has come once more.
  const checked = last === null || Date.parse(last) > now.getTime() ? null : last;
  const usual = checked === null ? 0 : Date.parse(checked) + settings.checkEvery * hour;
  const turn = record.waiting?.available_at ?? null;
  const due = turn === null ? usual : Math.min(usual, Date.parse(turn));
  // A turn that came while the machine was off, or that the last look saw come, is looked at once.
  const isSeen = turn !== null && checked !== null && Date.parse(checked) >= Date.parse(turn);
  const why = record.waiting === null ? [] : [record.waiting.why];
  return laterBy(state, { action: 'check', at: new Date(isSeen ? usual : due), why }, now);
}

const after = (action: AutomaticAction, state: AutomaticState, now: Date): NextAction =>
  laterBy(state, { action, at: new Date(0), why: [] }, now);

/** What interrupts the machine also waits for holds and for the maintenance window. */
function change(action: 'activate' | 'reboot', state: AutomaticState, now: Date): NextAction {
  const { holds, settings } = state;
  const held = holds.filter(({ until }) => Date.parse(until) > now.getTime());
  const free = new Date(Math.max(now.getTime(), ...held.map(({ until }) => Date.parse(until))));
  const ready = laterBy(
    state,
    { action, at: free, why: held.map(({ owner, reason }) => `${owner} holds it: ${reason}`) },
    now,
  );
  if (settings.window === null) return ready;
  const opens = nextOpening(parseWindow(settings.window), ready.at > now ? ready.at : now);
  const isLater = opens > ready.at && opens > now;
  return isLater
    ? { action, at: opens, why: [...ready.why, `the maintenance window is ${settings.window}`] }
    : ready;
}

/** Not before the back-off after failures is over. */
function laterBy({ record }: AutomaticState, next: NextAction, now: Date): NextAction {
  const { failures, failedAt } = record.automatic;
  // A clock that was set back since must not make it wait until that time has come once more.
  if (failures === 0 || failedAt === null || Date.parse(failedAt) > now.getTime()) return next;
  const at = new Date(Date.parse(failedAt) + retryAfter(failures));
  return at <= next.at || at <= now
    ? next
    : { ...next, at, why: [...next.why, `it failed ${failures} times in a row`] };
}
