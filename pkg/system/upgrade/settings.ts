import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { parseReference, redacted, renderReference } from '../../oci/index.ts';
import { parseChannel, renderChannel } from '../release/channel.ts';
import {
  changeUpgradeFile,
  lockCommands,
  readUpgradeFile,
  type UpgradeFile,
  upgradeFolder,
} from './folder.ts';
import { takeUpgrade } from './look.ts';
import { changeUpgrade, readUpgrade } from './record.ts';
import { parseWindow } from './window.ts';

/** Where updates come from: the tag of an install manifest, or a release channel. */
export type UpdateSource = {
  readonly kind: 'manifest' | 'channel';
  /** `host/name:tag`; of a channel `host/name`. */
  readonly reference: string;
  readonly plainHttp: boolean;
  /** Of a channel: an index that has expired counts too, for machines without a network. */
  readonly acceptExpired: boolean;
};

/** How a machine is updated; kept in its configuration. */
export type UpdateSettings = {
  readonly source: UpdateSource | null;
  /** Off: only who is told to updates. */
  readonly automatic: boolean;
  /** When automatic updates may be activated and the machine rebooted, like `sat,sun 02:00-04:00` in UTC; null: at any time. */
  readonly window: string | null;
  /** Hours between the turn of this machine and the update. */
  readonly delay: number;
  /** Not to wait for the turn of this machine. */
  readonly ignoreWaves: boolean;
  /** The one version that may be installed; null: the newest. */
  readonly versionLock: string | null;
  /** Hours between two looks for an update. */
  readonly checkEvery: number;
};

export const usualSettings: UpdateSettings = {
  ...{ source: null, automatic: false, window: null, delay: 0 },
  ...{ ignoreWaves: false, versionLock: null, checkEvery: 6 },
};

const isHours = (least: number, value: number): boolean =>
  Number.isInteger(value) && value >= least && value <= 8760;

function requireHours(name: string, least: number, value: number): void {
  if (!isHours(least, value))
    throw new MosError('usage', `cannot set ${name} to ${value}: it is ${least} to 8760 hours`);
}

function checkedSource({ kind, reference, plainHttp, acceptExpired }: UpdateSource): UpdateSource {
  if (kind !== 'channel' && acceptExpired)
    throw new MosError('usage', 'cannot accept what has expired but of a channel');
  const rendered =
    kind === 'channel'
      ? renderChannel(parseChannel(reference, '/'))
      : renderReference(parseReference(reference));
  return { kind, reference: rendered, plainHttp, acceptExpired };
}

/** The settings in the form in which they are kept; `usage` says which one can't be. */
export function checkedSettings(settings: UpdateSettings): UpdateSettings {
  const { source, window, delay, checkEvery, versionLock } = settings;
  requireHours('delay', 0, delay);
  requireHours('check-every', 1, checkEvery);
  if (window !== null) parseWindow(window);
  if (versionLock !== null && !/^[\x21-\x7e]{1,128}$/.test(versionLock))
    throw new MosError('usage', 'cannot set version-lock: a version is 1 to 128 printable characters');
  return {
    ...settings,
    source: source === null ? null : checkedSource(source),
  };
}

const settingsFile: UpgradeFile<UpdateSettings> = {
  name: 'settings.json',
  empty: usualSettings,
  read(value) {
    const known = Object.keys(usualSettings);
    if (Object.keys(value).some((key) => !known.includes(key))) return undefined;
    return checkedSettings({ ...usualSettings, ...(value as Partial<UpdateSettings>) });
  },
};

export const readSettings = (host: Host, folder: string): Promise<UpdateSettings> =>
  readUpgradeFile(host, folder, settingsFile);

export const updateSettings = async (
  host: Host,
  { root }: { readonly root: string },
): Promise<UpdateSettings> => readSettings(host, await upgradeFolder(host, root));

export type SettingsChange = { readonly [K in keyof UpdateSettings]?: UpdateSettings[K] | undefined };

/** What of the settings decides which update is chosen. */
const choosing = ['source', 'delay', 'ignoreWaves', 'versionLock'] as const;

/** What is not given stays. Returns all settings. What was chosen by other ones is forgotten, and looked for again. */
export async function changeSettings(
  host: Host,
  { root, ...change }: SettingsChange & { readonly root: string },
): Promise<UpdateSettings> {
  if (change.source) requireAbsolute(change.source);
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  const folder = await upgradeFolder(host, root);
  const before = await readSettings(host, folder);
  const after = checkedSettings({ ...before, ...given });
  const differs = (key: keyof UpdateSettings) => JSON.stringify(before[key]) !== JSON.stringify(after[key]);
  const isOther = choosing.some(differs);
  await using _lock = isOther ? await lockCommands(host, folder, 'mosctl update settings') : undefined;
  if (differs('source')) await requireNoneWaits(host, root, folder);
  const written = await changeUpgradeFile(host, folder, settingsFile, (now) =>
    checkedSettings({ ...now, ...given }),
  );
  if (isOther) await forgetChoice(host, folder);
  return written;
}

/** Where the daemon was started is nobody's folder. */
function requireAbsolute({ reference }: UpdateSource): void {
  if (/^(?:oci|zot):(?!\/)/.test(reference))
    throw new MosError(
      'usage',
      `cannot take updates from ${redacted(reference)}: a machine has no working directory`,
      { hint: 'begin the folder with /' },
    );
}

async function requireNoneWaits(host: Host, root: string, folder: string): Promise<void> {
  if ((await readUpgrade(host, folder)).generation === null) return;
  // Somebody who was stopped may have taken it back, and written it down no more.
  if ((await takeUpgrade(host, root)).record.generation !== null)
    throw new MosError('state', 'cannot change where updates come from: one waits for the next boot', {
      hint: 'take it back first: mosctl update deactivate, or POST /actions/deactivate-update',
    });
}

const forgetChoice = (host: Host, folder: string) =>
  changeUpgrade(host, folder, (record) =>
    record.generation !== null
      ? record
      : {
          ...record,
          ...{ chosen: null, waiting: null, prepared: false, seen: [], recalled: null },
          automatic: { ...record.automatic, checked: null },
        },
  );
