import { shown } from './names.ts';
import type { Attributes, ByteText, TarEntry } from './tar/entry.ts';

/** Counts what could not be kept. */
export class Notes {
  readonly #counts = new Map<string, number>();

  add(text: string): void {
    this.#counts.set(text, (this.#counts.get(text) ?? 0) + 1);
  }

  list(): string[] {
    return [...this.#counts].map(([text, count]) => `${text}${count === 1 ? '' : ` (${count} times)`}`);
  }
}

/** Largest time of squashfs: 32 bits without a sign. */
const latest = 0xffff_ffff;
const longestXattrName = 255;
/** (uid_t)-1: no file can have it, chown(2) then leaves what is there. */
const noOwner = 0xffff_ffff;

/** Attributes without what only overlayfs itself may write and what no format of ours keeps. */
export function attributesOf(entry: TarEntry, notes: Notes): Attributes {
  const xattrs = new Map<ByteText, ByteText>();
  for (const [name, value] of [...entry.xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (/^(trusted|user)\.overlay\./.test(name))
      notes.add(`left out the extended attribute ${shown(name)}: in a tar layer it has no meaning`);
    else if (!/^(user|trusted|security)\../s.test(name) || name.length > longestXattrName)
      notes.add(`left out the extended attribute ${shown(name)}: squashfs cannot keep it`);
    else xattrs.set(name, value);
  }
  const mtime = Math.min(Math.max(entry.mtime, 0), latest);
  if (mtime !== entry.mtime) notes.add('moved a time into the years from 1970 to 2106');
  const [uid, gid] = [entry.uid, entry.gid].map((id) => (id === noOwner ? 0 : id)) as [number, number];
  if (uid !== entry.uid || gid !== entry.gid)
    notes.add(`took the owner ${noOwner} for 0: it stands for none`);
  return { mode: entry.mode, uid, gid, mtime, xattrs };
}
