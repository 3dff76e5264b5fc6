import { MosError } from '../errors/index.ts';
import type { Digest } from '../oci/index.ts';
import {
  bootFileName,
  type EntryName,
  firstTries,
  parseBootFileName,
  parseEntryName,
  renderEntry,
  renderEntryName,
  type Tries,
} from './entry.ts';

/** Where our files are on the ESP. Firmware finds the loader by its name on a disk it doesn't know; the loader, the rest. */
export const onEsp = {
  bootFiles: 'EFI/mos',
  entries: 'loader/entries',
  loader: 'EFI/BOOT/BOOTX64.EFI',
  settings: 'loader/loader.conf',
  keys: 'loader/keys/auto',
} as const;

/** A boot file; `bytes` is its length. */
export type EspFile = { readonly name: string; readonly bytes: number };

/** A file among the entries, with what it says. */
export type EntryFile = { readonly name: string; readonly text: string };

/** What is there. `free` and `cluster` in bytes: a file takes whole clusters. */
export type EspContent = {
  readonly bootFiles: readonly EspFile[];
  readonly entries: readonly EntryFile[];
  readonly free: number;
  readonly cluster: number;
};

/** A generation that can be booted when the plan is done. */
export type BootableGeneration = {
  readonly generation: number;
  readonly bootFile: Digest;
  readonly bytes: number;
  readonly isGood: boolean;
};

export type EspCall =
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'rename'; readonly path: string; readonly to: string }
  | { readonly kind: 'copy'; readonly path: string; readonly bootFile: Digest; readonly bytes: number }
  | { readonly kind: 'write'; readonly path: string; readonly text: string };

/** Bytes in whole clusters: what the plan takes, and what it gives back before. */
export type EspPlan = { readonly calls: readonly EspCall[]; readonly takes: number; readonly frees: number };

/**
 * From what is there to what must be bootable, what runs among it. Entries go before the boot files they name and come
 * after them, so that no entry ever names a file that is not there; what is in the way of a wanted generation goes last,
 * so that a power cut never takes its only entry. A counter is never set back. Refuses what would not fit.
 */
export function planEsp(content: EspContent, wanted: readonly BootableGeneration[]): EspPlan {
  const entries = wanted.map((generation) => planEntry(content.entries, generation));
  const isWanted = (name: string): boolean =>
    wanted.some(({ generation }) => generation === parseEntryName(name)?.generation);
  const oldEntries = content.entries.filter(({ name }) => parseEntryName(name) && !isWanted(name));
  const stays = new Set(entries.map(({ file }) => file));
  const renamed = new Set(entries.flatMap(({ was }) => was ?? []));
  const inTheWay = content.entries.filter(({ name }) => isWanted(name) && !stays.has(name));
  const newFiles = missingBootFiles(content.bootFiles, wanted);
  const oldFiles = content.bootFiles.filter(({ name }) => isUnwanted(name, wanted));
  const sizes = (all: readonly number[]): number =>
    all.reduce((sum, bytes) => sum + Math.ceil(bytes / content.cluster) * content.cluster, 0);
  const takes = sizes([
    ...newFiles.map(({ bytes }) => bytes),
    ...entries.flatMap(({ calls }) => calls.map((call) => (call.kind === 'write' ? call.text.length : 0))),
  ]);
  const frees = sizes([...oldEntries.map(({ text }) => text.length), ...oldFiles.map(({ bytes }) => bytes)]);
  requireRoom(content.free + frees, takes);
  return {
    calls: [
      ...oldEntries.map(({ name }) => remove(onEsp.entries, name)),
      ...oldFiles.map(({ name }) => remove(onEsp.bootFiles, name)),
      ...newFiles.map(({ bootFile, bytes }): EspCall => {
        const path = `${onEsp.bootFiles}/${bootFileName(bootFile)}`;
        return { kind: 'copy', path, bootFile, bytes };
      }),
      ...entries.flatMap(({ calls }) => calls),
      ...inTheWay.filter(({ name }) => !renamed.has(name)).map(({ name }) => remove(onEsp.entries, name)),
    ],
    takes,
    frees,
  };
}

const remove = (folder: string, name: string): EspCall => ({ kind: 'remove', path: `${folder}/${name}` });

/** `file` is the name of the entry in the end, `was` its name before. */
type EntryPlan = { readonly file: string; readonly was?: string; readonly calls: readonly EspCall[] };

function planEntry(
  files: readonly EntryFile[],
  { generation, bootFile, isGood }: BootableGeneration,
): EntryPlan {
  const text = renderEntry({ generation, bootFile });
  const ofIt = files
    .map((file) => ({ ...file, entry: parseEntryName(file.name) }))
    .filter(({ entry }) => entry?.generation === generation)
    .sort((a, b) => left(a.entry?.tries) - left(b.entry?.tries));
  const there = ofIt.filter((file) => file.text === text); // the others are torn, or edited
  const proved = there.find(({ entry }) => !entry?.tries);
  const counted = there.find(({ entry }) => entry?.tries);
  const keeps = isGood ? (proved ?? counted) : counted;
  const name: EntryName = isGood
    ? { generation }
    : { generation, tries: ofIt[0]?.entry?.tries ?? firstTries };
  const file = keeps && (!isGood || keeps === proved) ? keeps.name : renderEntryName(name);
  const path = `${onEsp.entries}/${file}`;
  if (!keeps) return { file, calls: [{ kind: 'write', path, text }] };
  if (keeps.name === file) return { file, calls: [] };
  return {
    file,
    was: keeps.name,
    calls: [{ kind: 'rename', path: `${onEsp.entries}/${keeps.name}`, to: path }],
  };
}

/** Of two entries of one generation, which a power cut can leave, the one with fewer tries counts. */
const left = (tries: Tries | undefined): number => tries?.left ?? Number.POSITIVE_INFINITY;

/** Each once; a file of another length was not written to its end. */
function missingBootFiles(
  files: readonly EspFile[],
  wanted: readonly BootableGeneration[],
): BootableGeneration[] {
  const byDigest = new Map(wanted.map((generation) => [generation.bootFile, generation]));
  return [...byDigest.values()].filter(
    ({ bootFile, bytes }) =>
      !files.some((file) => file.name === bootFileName(bootFile) && file.bytes === bytes),
  );
}

/** Ours, and nobody wants it; files of others stay. */
function isUnwanted(name: string, wanted: readonly BootableGeneration[]): boolean {
  const digest = parseBootFileName(name);
  return digest !== undefined && !wanted.some(({ bootFile }) => bootFile === digest);
}

function requireRoom(room: number, takes: number): void {
  if (takes <= room) return;
  throw new MosError(
    'no-space',
    `cannot put the boot files on the ESP: they take ${takes} bytes, it has room for ${room}`,
    { hint: 'keep fewer generations, or make the ESP larger' },
  );
}
