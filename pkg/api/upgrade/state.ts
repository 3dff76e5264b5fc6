import type { LogEntry, StatusResult } from '../../system/index.ts';
import { anyText, choice, flag, integer, list, nullable, object, type Schema } from '../schema.ts';
import type { ChosenUpdate, CommandRecord, UpgradeRecord } from './record.ts';

export const updateStates = ['Idle', 'Available', 'Staged', 'Ready'] as const;
export type UpdateState = (typeof updateStates)[number];

type Slot = { readonly generation: number; readonly release: number | null; readonly next_to_boot: boolean };

/** As Bottlerocket's `GET /updates/status` has it, with generations in place of its partitions. */
export type UpdatesStatus = {
  readonly update_state: UpdateState;
  readonly available_updates: readonly string[];
  readonly chosen_update: ChosenUpdate | null;
  readonly active_generation: Slot | null;
  readonly staging_generation: Slot | null;
  readonly most_recent_command: CommandRecord | null;
};

const slot = object<Slot>({ generation: integer(), release: nullable(integer()), next_to_boot: flag() });
export const updatesStatusSchema: Schema<UpdatesStatus> = object<UpdatesStatus>({
  update_state: choice(...updateStates),
  available_updates: list(anyText),
  chosen_update: nullable(object<ChosenUpdate>({ version: anyText, digest: anyText, reference: anyText })),
  active_generation: nullable(slot),
  staging_generation: nullable(slot),
  most_recent_command: nullable(
    object<CommandRecord>({
      cmd_type: choice('refresh', 'prepare', 'activate', 'deactivate', 'reboot'),
      cmd_status: choice('Started', 'Success', 'Failed', 'Unknown'),
      timestamp: anyText,
      exit_status: nullable({ ...integer(), json: { type: 'integer' } }),
      stderr: anyText,
    }),
  ),
});

export const stateOf = ({ chosen, prepared, generation }: UpgradeRecord): UpdateState =>
  generation !== null ? 'Ready' : chosen === null ? 'Idle' : prepared ? 'Staged' : 'Available';

type Machine = Pick<StatusResult, 'running' | 'next'>;

/**
 * The record after a look at the machine: what was activated has booted, has failed to, or was taken back by somebody
 * else. The machine is right.
 */
export function reconcile(
  record: UpgradeRecord,
  machine: Machine,
  history: readonly LogEntry[],
): UpgradeRecord {
  const { generation, chosen, failed } = record;
  if (generation === null) return record;
  const over = { ...record, chosen: null, prepared: false, generation: null };
  if (history.find((entry) => entry.generation === generation)?.verdict === 'bad')
    return { ...over, failed: chosen === null ? failed : [...new Set([...failed, chosen.digest])] };
  return machine.next?.generation === generation ? record : over;
}

export function updatesStatus(
  record: UpgradeRecord,
  { running, next }: Machine,
  history: readonly LogEntry[],
): UpdatesStatus {
  const toSlot = (generation: number, isNext: boolean): Slot => ({
    generation,
    release: history.find((entry) => entry.generation === generation)?.release ?? null,
    next_to_boot: isNext,
  });
  return {
    update_state: stateOf(record),
    available_updates: record.chosen === null ? [] : [record.chosen.version],
    chosen_update: record.chosen,
    active_generation: toSlot(running.generation, next === null),
    staging_generation: next === null ? null : toSlot(next.generation, true),
    most_recent_command: record.command,
  };
}
