import { isMosError, MosError } from '../../errors/index.ts';
import { type Host, readTextIfThere, writeAtomic } from '../../host/index.ts';

export type CommandType = 'refresh' | 'prepare' | 'activate' | 'deactivate' | 'reboot';

/** `Unknown`: the daemon or the machine was stopped while it was at work. */
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
};

/** Where updates come from, and how far the present one got; kept over reboots. */
export type UpgradeRecord = {
  readonly source: { readonly reference: string; readonly plainHttp: boolean } | null;
  readonly chosen: ChosenUpdate | null;
  /** Its images are in the store. */
  readonly prepared: boolean;
  /** The generation that was made of it, and waits for the next boot. */
  readonly generation: number | null;
  /** Digests of manifests whose generation failed to boot: not offered again until told. */
  readonly failed: readonly string[];
  readonly command: CommandRecord | null;
};

const empty: UpgradeRecord = {
  ...{ source: null, chosen: null, prepared: false, generation: null, failed: [], command: null },
};

const fileOf = (folder: string): string => `${folder}/upgrade.json`;

export async function readUpgrade(host: Host, folder: string): Promise<UpgradeRecord> {
  const text = await readTextIfThere(host, fileOf(folder));
  if (text === undefined) return empty;
  try {
    return { ...empty, ...(JSON.parse(text) as UpgradeRecord) };
  } catch (cause) {
    if (isMosError(cause)) throw cause;
    throw new MosError('corrupt', `cannot read ${fileOf(folder)}: it is no JSON`, {
      hint: 'remove it',
      cause,
    });
  }
}

export const writeUpgrade = (host: Host, folder: string, record: UpgradeRecord): Promise<void> =>
  writeAtomic(host, fileOf(folder), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
