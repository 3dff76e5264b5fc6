import type {
  ChosenUpdate,
  CommandRecord,
  FailedUpdate,
  NextStep,
  UpdateHold,
  UpdateSettings,
  UpdateSlot,
  UpdateSource,
  UpdatesStatus,
} from '../../system/index.ts';
import { anyText, choice, flag, integer, list, nullable, object, type Schema, text } from '../schema.ts';

const slot = object<UpdateSlot>({
  generation: integer(),
  release: nullable(integer()),
  next_to_boot: flag(),
});
const commandRecord = object<CommandRecord>({
  cmd_type: choice('refresh', 'prepare', 'activate', 'deactivate', 'reboot'),
  cmd_status: choice('Started', 'Success', 'Failed', 'Unknown'),
  timestamp: anyText,
  exit_status: nullable({ ...integer(), json: { type: 'integer' } }),
  stderr: anyText,
});
const hold = object<UpdateHold>({ owner: anyText, reason: anyText, since: anyText, until: anyText });

export const holdsSchema = object<{ readonly holds: readonly UpdateHold[] }>({ holds: list(hold) });

export const updatesStatusSchema: Schema<UpdatesStatus> = object<UpdatesStatus>({
  update_state: choice('Idle', 'Available', 'Staged', 'Ready'),
  available_updates: list(anyText),
  chosen_update: nullable(
    object<ChosenUpdate>({
      ...{ version: anyText, digest: anyText, reference: anyText, available_at: anyText },
      release: nullable(integer()),
    }),
  ),
  active_generation: nullable(slot),
  staging_generation: nullable(slot),
  most_recent_command: nullable(commandRecord),
  available_at: nullable(anyText),
  not_yet: list(anyText),
  last_failure: nullable(commandRecord),
  recalled: nullable(anyText),
  failed_updates: list(
    object<FailedUpdate>({ digest: anyText, version: anyText, reason: anyText, time: anyText }),
  ),
  holds: list(hold),
  automatic: nullable(
    object<NextStep>({
      action: choice('check', 'prepare', 'activate', 'reboot', 'fall-back'),
      at: anyText,
    }),
  ),
});

export type GivenSource = Pick<UpdateSource, 'reference'> & Partial<UpdateSource>;
const source = {
  kind: choice('manifest', 'channel'),
  reference: text({ description: 'the tag to look at, host[:port]/name:tag; of a channel host[:port]/name' }),
  plainHttp: flag('talk http to the registry; what comes is signed all the same'),
  acceptExpired: flag('of a channel, for machines without a network: an index that has expired counts too'),
};
export const givenSource = object<GivenSource>(source, ['kind', 'plainHttp', 'acceptExpired']);
export const toSource = (given: GivenSource): UpdateSource => ({
  ...{ kind: 'manifest', plainHttp: false, acceptExpired: false },
  ...given,
});
export const sourceSchema = object<UpdateSource>(source);

const hours = (least: number, description: string) => integer({ least, most: 8760, description });
const shared = {
  automatic: flag('whether the machine updates itself'),
  window: nullable(text({ most: 100, description: 'like "sat,sun 02:00-04:00", UTC; null: at any time' })),
  delay: hours(0, 'hours between the turn of this machine and the update'),
  ignoreWaves: flag('not to wait for the turn of this machine'),
  versionLock: nullable(text({ most: 128, description: 'the one version that may be installed' })),
  checkEvery: hours(1, 'hours between two looks for an update'),
};

export const settingsSchema: Schema<UpdateSettings> = object<UpdateSettings>({
  source: nullable(sourceSchema),
  ...shared,
});

export type GivenSettings = {
  readonly [K in Exclude<keyof UpdateSettings, 'source'>]?: UpdateSettings[K];
} & { readonly source?: GivenSource | null };
export const givenSettings: Schema<GivenSettings> = object<GivenSettings>(
  { source: nullable(givenSource), ...shared },
  ['source', 'automatic', 'window', 'delay', 'ignoreWaves', 'versionLock', 'checkEvery'],
);
