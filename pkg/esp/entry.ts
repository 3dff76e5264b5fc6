import { MosError } from '../errors/index.ts';
import { type Digest, digestFromHex, digestHex } from '../oci/index.ts';

/** How often systemd-boot still tries an entry, and how often it has (UAPI.1, "Boot counting"). */
export type Tries = { readonly left: number; readonly done: number };

/** The name of one of our entries; without tries the generation has proved good. */
export type EntryName = { readonly generation: number; readonly tries?: Tries };

/** What an entry says: generation and the boot file that belongs to it. */
export type Entry = { readonly generation: number; readonly bootFile: Digest };

/** How often a new generation may try to prove good. */
export const firstTries: Tries = { left: 3, done: 0 };

const number = '(0|[1-9][0-9]{0,8})';
const namePattern = new RegExp(`^mos-([1-9][0-9]{0,8})(?:\\+${number}(?:-${number})?)?\\.conf$`);
const bootFilePattern = /^([0-9a-f]{64})\.efi$/;

/** undefined where the file is not one of ours: those of others are left alone. */
export function parseEntryName(name: string): EntryName | undefined {
  const [, generation, left, done = '0'] = namePattern.exec(name) ?? [];
  if (generation === undefined) return undefined;
  if (left === undefined) return { generation: Number(generation) };
  return { generation: Number(generation), tries: { left: Number(left), done: Number(done) } };
}

/** systemd-boot leaves `-0` out too. */
export function renderEntryName({ generation, tries }: EntryName): string {
  if (!tries) return `mos-${generation}.conf`;
  return `mos-${generation}+${tries.left}${tries.done === 0 ? '' : `-${tries.done}`}.conf`;
}

/** Boot files are named by their content, so generations with the same one share it. */
export const bootFileName = (digest: Digest): string => `${digestHex(digest)}.efi`;

export function parseBootFileName(name: string): Digest | undefined {
  const hex = bootFilePattern.exec(name)?.[1];
  return hex === undefined ? undefined : digestFromHex(hex);
}

/**
 * A "Type #1" entry (UAPI.1). systemd-boot shows those with one sort-key newest version first, so the highest
 * generation that may still be tried is the one that boots.
 */
export const renderEntry = ({ generation, bootFile }: Entry): string =>
  [
    `title mos, generation ${generation}`,
    `version ${generation}`,
    'sort-key mos',
    startOf(bootFile),
    '',
  ].join('\n');

const startOf = (bootFile: Digest): string => `efi /EFI/mos/${bootFileName(bootFile)}`;

/** Whatever else an entry says, since somebody may have edited it: it starts this boot file. */
export const starts = (text: string, bootFile: Digest): boolean =>
  text.split('\n').includes(startOf(bootFile));

/** Only what `renderEntry` writes: an entry that somebody edited may start something else. */
export function parseEntry(text: string, what: string): Entry {
  const generation = /^version ([1-9][0-9]{0,8})$/m.exec(text)?.[1];
  const bootFile = parseBootFileName(/^efi \/EFI\/mos\/(.*)$/m.exec(text)?.[1] ?? '');
  if (generation !== undefined && bootFile !== undefined) {
    const entry = { generation: Number(generation), bootFile };
    if (renderEntry(entry) === text) return entry;
  }
  throw new MosError('corrupt', `cannot use the boot entry ${what}: it is not as mosctl wrote it`);
}
