import type { Host, MountEntry } from '../host/index.ts';
import { recordFolder } from './record.ts';

/** Longest wait for another mosctl that mounts or unmounts, in milliseconds. */
const lockWait = 60_000;

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
 * holds its layers by itself, and what it doesn't hold is gone. Needs the lock, and a cleared stage.
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

/** Detaches what a process that died left there. */
export async function clearStage(host: Host, runtime: string, table: readonly MountEntry[]): Promise<void> {
  const folder = stageFolder(runtime);
  for (const entry of table) if (entry.target === folder) await host.mounts.unmount(folder, { detach: true });
}
