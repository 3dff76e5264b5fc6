import { applyEsp, type EntryName, onEsp, parseEntryName, readEsp, renderEntryName } from '../esp/index.ts';
import type { Host } from '../host/index.ts';
import { findEsp } from './boot-files/index.ts';
import { readBooted } from './current.ts';
import type { Machine } from './machine.ts';

/** A generation that was booted by a counted entry. */
export type Trial = {
  readonly generation: number;
  readonly commit: string;
  /** Its entry as it is called now. */
  readonly entry: EntryName & { readonly tries: NonNullable<EntryName['tries']> };
  readonly file: string;
  readonly text: string;
  readonly esp: string;
};

/** As the boot loader lowered it: a counter that is gone has proved good. */
export async function readTrial(host: Host, machine: Machine): Promise<Trial | undefined> {
  const booted = await readBooted(host, machine.paths);
  const chosen = parseEntryName(booted?.entry ?? '');
  if (booted === undefined || chosen?.tries === undefined) return undefined;
  const esp = await findEsp(host, machine);
  if (esp === undefined) return undefined;
  for (const { name, text } of (await readEsp(host, esp)).entries) {
    const entry = parseEntryName(name);
    if (entry?.generation !== chosen.generation || entry.tries === undefined) continue;
    const { tries, generation } = entry;
    const { commit } = booted;
    return { generation, commit, entry: { generation, tries }, file: `${onEsp.entries}/${name}`, text, esp };
  }
  return undefined;
}

export const isOnTrial = async (host: Host, machine: Machine): Promise<boolean> =>
  (await readTrial(host, machine)) !== undefined;

/** The new one comes before the old one goes: of two, either boots. */
export async function nameEntry(host: Host, { esp, file, text }: Trial, name: EntryName): Promise<void> {
  const path = `${onEsp.entries}/${renderEntryName(name)}`;
  await applyEsp(host, esp, [
    { kind: 'write', path, text },
    { kind: 'remove', path: file },
  ]);
}
