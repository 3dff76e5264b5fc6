import type { Host, MountEntry } from '../host/index.ts';
import { idOf, readRecord, recordFolder } from './record.ts';

/** Longest wait for another mosctl that mounts or unmounts, which may have to unpack layers. Milliseconds. */
const lockWait = 600_000;

/** One of us at a time mounts or unmounts in a runtime folder. */
export async function lockMolecules(host: Host, runtime: string, owner: string): Promise<AsyncDisposable> {
  await host.files.makeFolder(recordFolder(runtime), { parents: true });
  return host.files.lock(`${runtime}/molecules.lock`, { wait: lockWait, owner });
}

const stageFolder = (runtime: string): string => `${runtime}/stage`;

export interface Stage extends AsyncDisposable {
  readonly folder: string;
}

/**
 * A small tmpfs that layers are mounted below until they are stacked. Detached at the end whatever happened: an overlay
 * holds its layers by itself, and what it doesn't hold is gone. Needs the lock, and `clearedTable` before.
 */
export async function openStage(host: Host, runtime: string): Promise<Stage> {
  const folder = stageFolder(runtime);
  await host.files.makeFolder(folder, { parents: true, mode: 0o700 });
  await host.mounts.mount({
    fstype: 'tmpfs',
    source: 'mos-stage',
    target: folder,
    flags: ['nodev', 'nosuid', 'noexec'],
    options: ['mode=0700'],
    isPrivate: true,
  });
  return { folder, [Symbol.asyncDispose]: () => host.mounts.unmount(folder, { detach: true }) };
}

/**
 * The mount table, after what a process that died left was taken away: its stage, and an old molecule on top of the one
 * that was to replace it. That one had proved healthy by then, so it is the one that stays.
 */
export async function clearedTable(host: Host, runtime: string): Promise<readonly MountEntry[]> {
  const table = await host.mounts.table();
  const folder = stageFolder(runtime);
  const left = [
    ...table.filter(({ target }) => target === folder),
    ...(await replacedBy(host, runtime, table)),
  ];
  for (const { target } of left) await host.mounts.unmount(target, { detach: true });
  return left.length === 0 ? table : host.mounts.table();
}

/** Molecules that stand on another one of this runtime folder, which only `replace` does, for a moment. */
async function replacedBy(host: Host, runtime: string, table: readonly MountEntry[]): Promise<MountEntry[]> {
  const found: MountEntry[] = [];
  for (const entry of table) {
    const below = table.find(({ id, target }) => id === entry.parent && target === entry.target);
    const id = below && below !== entry && idOf(entry) !== undefined ? idOf(below) : undefined;
    if (id !== undefined && (await readRecord(host, runtime, id)) !== undefined) found.push(entry);
  }
  return found;
}
