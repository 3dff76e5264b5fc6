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
  starts,
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
  | { readonly kind: 'copy'; readonly path: string; readonly bootFile: Digest; readonly bytes: number }
  | { readonly kind: 'write'; readonly path: string; readonly text: string };

/** Bytes in whole clusters: what the plan takes, and what it gives back before. */
export type EspPlan = { readonly calls: readonly EspCall[]; readonly takes: number; readonly frees: number };

/**
 * From what is there to what must be bootable, what runs among it. Entries go before the boot files they name and come
 * after them, so that no entry ever names a file that is not there; what is in the way of a wanted generation goes last,
 * so that a power cut never takes its only entry. A boot file counts only where an entry names it: before that it may be
 * torn. A counter is never set back. Refuses what would not fit.
 */
export function planEsp(content: EspContent, wanted: readonly BootableGeneration[]): EspPlan {
  const isWanted = (name: string): boolean =>
    wanted.some(({ generation }) => generation === parseEntryName(name)?.generation);
  const newFiles = missingBootFiles(content, wanted);
  const oldEntries = content.entries.filter(
    (entry) => parseEntryName(entry.name) && (!isWanted(entry.name) || isDead(entry, content, newFiles)),
  );
  const left = content.entries.filter((entry) => !oldEntries.includes(entry));
  const entries = wanted.map((generation) => planEntry(content.entries, left, generation));
  const stays = new Set(entries.map(({ file }) => file));
  const inTheWay = left.filter(({ name }) => isWanted(name) && !stays.has(name));
  const oldFiles = content.bootFiles.filter(({ name }) => isUnwanted(name, wanted));
  const sizes = (all: readonly number[]): number =>
    all.reduce((sum, bytes) => sum + Math.ceil(bytes / content.cluster) * content.cluster, 0);
  const takes = sizes([
    ...newFiles.map(({ bytes }) => bytes),
    ...entries.flatMap(({ calls }) => calls.map((call) => (call.kind === 'write' ? call.text.length : 0))),
  ]);
  const replaced = newFiles.flatMap(({ bootFile }) => fileOf(content, bootFile) ?? []);
  const frees = sizes([
    ...oldEntries.map(({ text }) => text.length),
    ...[...oldFiles, ...replaced].map(({ bytes }) => bytes),
  ]);
  // An entry that gets another name is there twice for a moment.
  requireRoom(content.free + frees, takes === 0 ? 0 : takes + content.cluster);
  return {
    calls: [
      ...oldEntries.map(({ name }) => remove(onEsp.entries, name)),
      ...oldFiles.map(({ name }) => remove(onEsp.bootFiles, name)),
      ...newFiles.map(({ bootFile, bytes }): EspCall => {
        const path = `${onEsp.bootFiles}/${bootFileName(bootFile)}`;
        return { kind: 'copy', path, bootFile, bytes };
      }),
      ...entries.flatMap(({ calls }) => calls),
      ...inTheWay.map(({ name }) => remove(onEsp.entries, name)),
    ],
    takes,
    frees,
  };
}

const remove = (folder: string, name: string): EspCall => ({ kind: 'remove', path: `${folder}/${name}` });

/** `file` is the name of the entry in the end. */
type EntryPlan = { readonly file: string; readonly calls: readonly EspCall[] };

/** Of all the files among the entries some are left when this begins. */
function planEntry(
  all: readonly EntryFile[],
  left: readonly EntryFile[],
  { generation, bootFile, isGood }: BootableGeneration,
): EntryPlan {
  const text = renderEntry({ generation, bootFile });
  const ofIt = all
    .map((file) => ({ ...file, entry: parseEntryName(file.name) }))
    .filter(({ entry }) => entry?.generation === generation)
    .sort((a, b) => triesLeft(a.entry?.tries) - triesLeft(b.entry?.tries));
  const tries = ofIt[0]?.entry?.tries ?? firstTries;
  const leftOfIt = ofIt.filter(({ name }) => left.some((one) => one.name === name));
  const there = leftOfIt.filter((file) => file.text === text); // the others are torn, or edited
  const keeps = there.find(({ entry }) => isGood === (entry?.tries === undefined));
  if (keeps) return { file: keeps.name, calls: [] };
  const path = (name: EntryName): string => `${onEsp.entries}/${renderEntryName(name)}`;
  const file = renderEntryName(isGood ? { generation } : { generation, tries });
  const write: EspCall = { kind: 'write', path: `${onEsp.entries}/${file}`, text };
  const mayBoot = leftOfIt.some((one) => one.name === file && one.text !== '');
  if (!mayBoot || there.length > 0) return { file, calls: [write] };
  // Writing it takes the one in its place away before, which may be all that boots: meanwhile there is another.
  const standIn = path({ generation, tries: isGood ? firstTries : { ...tries, done: tries.done + 1 } });
  return { file, calls: [{ ...write, path: standIn }, write, { kind: 'remove', path: standIn }] };
}

/** Of two entries of one generation, which a power cut can leave, the one with fewer tries counts. */
const triesLeft = (tries: Tries | undefined): number => tries?.left ?? Number.POSITIVE_INFINITY;

/** Each once: those that are not there as a whole, and those of which nothing says that they are whole. */
function missingBootFiles(content: EspContent, wanted: readonly BootableGeneration[]): BootableGeneration[] {
  const byDigest = new Map(wanted.map((generation) => [generation.bootFile, generation]));
  return [...byDigest.values()].filter(
    (one) => !hasLength(content, one) || !content.entries.some(({ text }) => starts(text, one.bootFile)),
  );
}

const fileOf = ({ bootFiles }: EspContent, bootFile: Digest): EspFile | undefined =>
  bootFiles.find(({ name }) => name === bootFileName(bootFile));
const hasLength = (content: EspContent, { bootFile, bytes }: BootableGeneration): boolean =>
  fileOf(content, bootFile)?.bytes === bytes;

/** It names a boot file that is to be written: while that is being done nothing must say that it is whole. */
const isDead = ({ text }: EntryFile, content: EspContent, newFiles: readonly BootableGeneration[]): boolean =>
  newFiles.some((one) => !hasLength(content, one) && starts(text, one.bootFile));

/**
 * Ours, and nobody wants it; files of others stay. A long name lies in two sectors of its folder: where a power cut took
 * one of them, what is left has the short name that FAT gives besides.
 */
function isUnwanted(name: string, wanted: readonly BootableGeneration[]): boolean {
  const digest = parseBootFileName(name);
  if (digest === undefined) return halfName.test(name);
  return !wanted.some(({ bootFile }) => bootFile === digest);
}

const halfName = /^[0-9a-f]{1,6}~[0-9]\.efi$/i;

function requireRoom(room: number, takes: number): void {
  if (takes <= room) return;
  throw new MosError(
    'no-space',
    `cannot put the boot files on the ESP: they take ${takes} bytes, it has room for ${room}`,
    { hint: 'keep fewer generations, or make the ESP larger' },
  );
}
