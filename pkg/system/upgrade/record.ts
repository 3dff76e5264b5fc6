import type { Host } from '../../host/index.ts';
import { changeUpgradeFile, readUpgradeFile, type UpgradeFile } from './folder.ts';

export type CommandType = 'refresh' | 'prepare' | 'activate' | 'deactivate' | 'reboot';

/** `Unknown`: whoever was at work was stopped, or the machine was. */
export type CommandRecord = {
  readonly cmd_type: CommandType;
  readonly cmd_status: 'Started' | 'Success' | 'Failed' | 'Unknown';
  readonly timestamp: string;
  readonly exit_status: number | null;
  readonly stderr: string;
};

/** The update that was chosen at refresh, by the digest of its manifest. */
export type ChosenUpdate = {
  readonly version: string;
  readonly digest: string;
  readonly reference: string;
  /** What the index of a channel says of it; null where a tag named it. */
  readonly release: number | null;
  /** Since when it is for this machine. */
  readonly available_at: string;
};

/** One that is there and not yet, or not at all, for this machine; `available_at` is null where nobody can say when. */
export type WaitingUpdate = {
  readonly version: string;
  readonly digest: string;
  readonly available_at: string | null;
  readonly why: string;
};

/** Not offered again until told. */
export type FailedUpdate = {
  readonly digest: string;
  readonly version: string;
  readonly reason: string;
  readonly time: string;
};

export type SeenUpdate = { readonly digest: string; readonly time: string };

/** A generation that must prove good yet. */
export type Trial = {
  readonly generation: number;
  readonly digest: string;
  readonly version: string;
  /** Made by automatic updates, which then also take it back. */
  readonly automatic: boolean;
  /** Since when it was seen running, or another one in its place; in which boot. */
  readonly since: string | null;
  readonly sinceBoot: string | null;
  /** Of the boot that was ended for it. */
  readonly bootId: string | null;
};

/** What automatic updates remember of themselves. */
export type AutomaticMemory = {
  readonly checked: string | null;
  /** In a row, and when the last one was. */
  readonly failures: number;
  readonly failedAt: string | null;
};

/** How far the present update got; kept over reboots. */
export type UpgradeRecord = {
  readonly chosen: ChosenUpdate | null;
  readonly waiting: WaitingUpdate | null;
  /** Somebody asked for what failed before, too. */
  readonly again: boolean;
  /** Its images are in the store. */
  readonly prepared: boolean;
  /** The generation that was made of it, and waits for the next boot. */
  readonly generation: number | null;
  readonly trial: Trial | null;
  readonly failed: readonly FailedUpdate[];
  readonly command: CommandRecord | null;
  readonly lastFailure: CommandRecord | null;
  /** What was offered lately, and since when. */
  readonly seen: readonly SeenUpdate[];
  /** Why the publisher wants nobody to run what runs here. */
  readonly recalled: string | null;
  readonly automatic: AutomaticMemory;
};

export const emptyRecord: UpgradeRecord = {
  ...{ chosen: null, waiting: null, again: false, prepared: false, generation: null, trial: null },
  ...{ failed: [], command: null, lastFailure: null, seen: [], recalled: null },
  automatic: { checked: null, failures: 0, failedAt: null },
};

const recordFile: UpgradeFile<UpgradeRecord> = {
  name: 'record.json',
  empty: emptyRecord,
  // Written by us alone, and nothing in it is believed: what was chosen is verified when it is installed.
  read: (value) =>
    Object.keys(emptyRecord).every((key) => Object.hasOwn(value, key))
      ? (value as unknown as UpgradeRecord)
      : undefined,
};

export const readUpgrade = (host: Host, folder: string): Promise<UpgradeRecord> =>
  readUpgradeFile(host, folder, recordFile);

export const changeUpgrade = (
  host: Host,
  folder: string,
  change: (record: UpgradeRecord) => UpgradeRecord,
): Promise<UpgradeRecord> => changeUpgradeFile(host, folder, recordFile, change);
