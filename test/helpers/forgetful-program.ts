import { promises as fs } from 'node:fs';
import { join } from 'node:path';

// What a program changed in a folder, so that a power cut can take it back: names it made, replaced or removed there and
// nobody synced the folder of.

type Entry = { readonly bytes?: Buffer; readonly inode: bigint; readonly changed: bigint };
export type Names = ReadonlyMap<string, Entry>;

/** Everything below a folder, with the bytes of files; nothing where there is no folder. */
export async function namesBelow(folder: string): Promise<Names> {
  const found = new Map<string, Entry>();
  const names = await fs.readdir(folder, { recursive: true }).catch(() => []);
  for (const name of names.sort()) {
    const path = join(folder, name);
    const stat = await fs.lstat(path, { bigint: true });
    const bytes = stat.isDirectory() ? {} : { bytes: await fs.readFile(path) };
    found.set(path, { inode: stat.ino, changed: stat.ctimeNs, ...bytes });
  }
  return found;
}

export type ProgramChange = {
  readonly path: string;
  /** A new file or one with other bytes; false for folders and for what was removed. */
  readonly isWritten: boolean;
  readonly takeBack: () => Promise<void>;
};

/** In the order in which they happened; what was removed comes last, the kernel doesn't tell when that was. */
export function changesBetween(before: Names, after: Names): ProgramChange[] {
  const changes: (ProgramChange & { readonly at: bigint })[] = [];
  for (const [path, entry] of after) {
    const old = before.get(path);
    if (old === undefined)
      changes.push({
        path,
        at: entry.changed,
        isWritten: entry.bytes !== undefined,
        takeBack: () => fs.rm(path, { recursive: true, force: true }),
      });
    else if (entry.bytes !== undefined && (old.inode !== entry.inode || !old.bytes?.equals(entry.bytes)))
      changes.push({ path, at: entry.changed, isWritten: true, takeBack: () => putBack(path, old) });
  }
  // A folder's own time is that of the last name in it, and it was there before each of them: folders go first.
  changes.sort(
    (a, b) => Number(a.isWritten) - Number(b.isWritten) || (a.isWritten ? Number(a.at - b.at) : 0),
  );
  const removed = [...before].filter(([path]) => !after.has(path));
  return [
    ...changes,
    ...removed
      .toReversed()
      .map(([path, old]) => ({ path, isWritten: false, takeBack: () => putBack(path, old) })),
  ];
}

async function putBack(path: string, { bytes }: Entry): Promise<void> {
  await fs.rm(path, { recursive: true, force: true });
  if (bytes === undefined) await fs.mkdir(path);
  else await fs.writeFile(path, bytes);
}
