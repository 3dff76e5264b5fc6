import type { Host } from '../../host/index.ts';
import { effectiveRoles, runningCommit } from '../current.ts';
import { log } from '../history.ts';
import { openMachine } from '../machine.ts';
import { isCommandAtWork, upgradeFolder } from './folder.ts';
import { changeUpgrade, readUpgrade, type UpgradeRecord } from './record.ts';
import { type MachineLook, reconcile } from './state.ts';

/** What the machine says of itself; nothing of it is verified, and nothing is done for it. */
export async function lookAtMachine(host: Host, root: string): Promise<MachineLook> {
  const machine = await openMachine(host, root);
  const [history, roles, bootId] = await Promise.all([
    log(host, { root }),
    effectiveRoles(host, machine),
    host.machine.bootId(),
  ]);
  const commit =
    roles.current === undefined ? roles.next : await runningCommit(host, machine, 'look for updates');
  const numberOf = (id: string | undefined): number | undefined =>
    history.find((entry) => entry.commit === id)?.generation;
  const running = numberOf(commit) ?? 0;
  const next = numberOf(roles.next) ?? null;
  return { running, next: next === running ? null : next, bootId, history };
}

export type Look = {
  readonly folder: string;
  readonly record: UpgradeRecord;
  readonly machine: MachineLook;
  /** The machine said something that the record did not know yet. */
  readonly isNews: boolean;
};

/** The record as the machine confirms it. It is written by whoever does something next: who only looks changes nothing. */
export async function lookAtUpgrade(host: Host, root: string): Promise<Look> {
  const folder = await upgradeFolder(host, root);
  const [machine, known] = await Promise.all([lookAtMachine(host, root), readUpgrade(host, folder)]);
  const isStopped = known.command?.cmd_status === 'Started' && !(await isCommandAtWork(host, folder));
  // Or it has ended since its record was read: then that says how.
  if (isStopped && !isSameCommand(known, await readUpgrade(host, folder))) return lookAtUpgrade(host, root);
  const seen = reconcile(settled(known, !isStopped), machine, host.clock.now());
  return { folder, machine, record: seen, isNews: seen !== known };
}

const isSameCommand = (a: UpgradeRecord, b: UpgradeRecord): boolean =>
  a.command?.cmd_status === b.command?.cmd_status && a.command?.timestamp === b.command?.timestamp;

/** The same, and written. */
export async function takeUpgrade(host: Host, root: string): Promise<Look> {
  const { folder, machine } = await lookAtUpgrade(host, root);
  const record = await changeUpgrade(host, folder, (known) =>
    reconcile(settled(known, false), machine, host.clock.now()),
  );
  return { folder, machine, record, isNews: false };
}

/** A command that nobody is at work on any more was stopped in the middle. */
function settled(record: UpgradeRecord, isAtWork: boolean): UpgradeRecord {
  const { command } = record;
  if (command?.cmd_status !== 'Started' || isAtWork) return record;
  const stderr = 'it was stopped while it was at work';
  const stopped = { ...command, cmd_status: 'Unknown', stderr } as const;
  return { ...record, command: stopped, lastFailure: stopped };
}
