import type { LogEntry } from '../history.ts';
import type { FailedUpdate, Trial, UpgradeRecord } from './record.ts';

export const updateStates = ['Idle', 'Available', 'Staged', 'Ready'] as const;
export type UpdateState = (typeof updateStates)[number];

export const stateOf = ({
  chosen,
  prepared,
  generation,
}: Pick<UpgradeRecord, 'chosen' | 'prepared' | 'generation'>): UpdateState =>
  generation !== null ? 'Ready' : chosen === null ? 'Idle' : prepared ? 'Staged' : 'Available';

/** What the machine itself says. */
export type MachineLook = {
  readonly running: number;
  /** What the next boot takes, where that is another one. */
  readonly next: number | null;
  readonly bootId: string;
  readonly history: readonly Pick<LogEntry, 'generation' | 'commit' | 'verdict' | 'release' | 'source'>[];
};

export const verdictOf = ({ history }: Pick<MachineLook, 'history'>, generation: number | null) =>
  history.find((entry) => entry.generation === generation)?.verdict ?? null;

/** The machine was rebooted for it, and something else runs. */
export const isMissed = (trial: Trial, bootId: string): boolean =>
  trial.bootId !== null && trial.bootId !== bootId;

const mostFailed = 50;
const withoutUpdate = { chosen: null, prepared: false, generation: null } as const;

/** The record with an update in it that is not offered again. */
export const withFailed = (record: UpgradeRecord, failure: FailedUpdate): UpgradeRecord => ({
  ...record,
  failed: [...record.failed.filter(({ digest }) => digest !== failure.digest), failure].slice(-mostFailed),
});

/**
 * The record after a look at the machine: what was activated has booted, has failed to, or was taken back by somebody
 * else. The machine is right.
 */
export function reconcile(record: UpgradeRecord, machine: MachineLook, now: Date): UpgradeRecord {
  return judged(landed(adopted(record, machine), machine), machine, now);
}

/** What was chosen waits for the next boot: whoever activated it was killed before it was written down. */
function adopted(record: UpgradeRecord, { next, history }: MachineLook): UpgradeRecord {
  const { chosen, generation } = record;
  if (chosen === null || generation !== null || next === null) return record;
  if (history.find((entry) => entry.generation === next)?.source !== chosen.reference) return record;
  const { digest, version } = chosen;
  const unknown = { automatic: false, since: null, sinceBoot: null, bootId: null };
  return { ...record, generation: next, trial: { generation: next, digest, version, ...unknown } };
}

/** What waited for the next boot does so no more. */
export const landed = (record: UpgradeRecord, { next }: Pick<MachineLook, 'next'>): UpgradeRecord =>
  record.generation === null || record.generation === next ? record : { ...record, ...withoutUpdate };

function judged(record: UpgradeRecord, machine: MachineLook, now: Date): UpgradeRecord {
  const { trial } = record;
  if (trial === null) return record;
  const { running, next, bootId } = machine;
  const { generation, digest, version } = trial;
  const verdict = verdictOf(machine, generation);
  const over = { ...record, trial: null };
  if (verdict === 'good') return over;
  if (verdict === 'bad') {
    const reason = `generation ${generation} failed`;
    const isMeant = over.generation === generation || over.chosen?.digest === digest;
    const left = isMeant ? { ...over, ...withoutUpdate } : over;
    return withFailed(left, { digest, version, reason, time: now.toISOString() });
  }
  if (generation !== running && generation !== next) return over;
  const isDue = generation === running || isMissed(trial, bootId);
  // A time that is still to come was told by a clock that was set back since.
  const isSeen = trial.sinceBoot === bootId && Date.parse(trial.since ?? '') <= now.getTime();
  if (!isDue || isSeen) return record;
  return { ...record, trial: { ...trial, since: now.toISOString(), sinceBoot: bootId } };
}
