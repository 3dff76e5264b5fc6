import type { Host } from '../../host/index.ts';
import { type AutomaticAction, planAutomatic } from './automatic.ts';
import { type Look, lookAtUpgrade } from './look.ts';
import type { ChosenUpdate, CommandRecord, FailedUpdate } from './record.ts';
import { readSettings, type UpdateSettings } from './settings.ts';
import { stateOf, type UpdateState } from './state.ts';
import { readUpdateHolds, type UpdateHold } from './update-holds.ts';

export type UpdateSlot = {
  readonly generation: number;
  readonly release: number | null;
  readonly next_to_boot: boolean;
};

export type NextStep = { readonly action: AutomaticAction; readonly at: string };

/** As Bottlerocket's `GET /updates/status` has it, with generations in place of its partitions; what follows is ours. */
export type UpdatesStatus = {
  readonly update_state: UpdateState;
  readonly available_updates: readonly string[];
  readonly chosen_update: ChosenUpdate | null;
  readonly active_generation: UpdateSlot | null;
  readonly staging_generation: UpdateSlot | null;
  readonly most_recent_command: CommandRecord | null;
  /** When the newest update that is known is for this machine; null where there is none, or never. */
  readonly available_at: string | null;
  /** Why it is not made yet. */
  readonly not_yet: readonly string[];
  readonly last_failure: CommandRecord | null;
  /** Why the publisher wants nobody to run what runs here. */
  readonly recalled: string | null;
  readonly failed_updates: readonly FailedUpdate[];
  readonly holds: readonly UpdateHold[];
  /** What automatic updates do next, and not before when; null where they are off or have nothing to do. */
  readonly automatic: NextStep | null;
};

/** Where the update stands, after a look at the machine. */
export async function updatesStatus(host: Host, { root }: { readonly root: string }): Promise<UpdatesStatus> {
  const look = await lookAtUpgrade(host, root);
  const [settings, holds] = await Promise.all([
    readSettings(host, look.folder),
    readUpdateHolds(host, look.folder),
  ]);
  return toStatus(look, settings, holds, host.clock.now());
}

function toStatus(
  { record, machine }: Look,
  settings: UpdateSettings,
  holds: readonly UpdateHold[],
  now: Date,
): UpdatesStatus {
  const { running, next, history } = machine;
  const { chosen, waiting, command, lastFailure, failed, recalled } = record;
  const slot = (generation: number, next_to_boot: boolean): UpdateSlot => ({
    generation,
    release: history.find((entry) => entry.generation === generation)?.release ?? null,
    next_to_boot,
  });
  const step = planAutomatic({ settings, record, machine, holds }, now);
  const isLater = step !== null && step.at > now;
  const why = [
    ...(waiting === null ? [] : [waiting.why]),
    ...holds.map(({ owner, reason }) => `${owner} holds it: ${reason}`),
    ...(isLater ? step.why : []),
  ];
  const hasUpdate = chosen !== null || waiting !== null || record.generation !== null;
  return {
    update_state: stateOf(record),
    available_updates: chosen === null ? [] : [chosen.version],
    chosen_update: chosen,
    active_generation: slot(running, next === null),
    staging_generation: next === null ? null : slot(next, true),
    most_recent_command: command,
    available_at: chosen?.available_at ?? waiting?.available_at ?? null,
    not_yet: hasUpdate ? [...new Set(why)] : [],
    last_failure: lastFailure,
    recalled,
    failed_updates: failed,
    holds,
    automatic: step === null ? null : { action: step.action, at: (isLater ? step.at : now).toISOString() },
  };
}
