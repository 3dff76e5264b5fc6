import { randomBytes } from 'node:crypto';
import type { Host } from '../host/index.ts';
import { Undo } from '../undo/index.ts';

/** Runs `use` with a new folder below `scratch`, which is gone afterwards however it ended. */
export async function inWorkingFolder<T>(
  host: Host,
  scratch: string,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  await using undo = new Undo();
  const folder = `${scratch}/mos-${randomBytes(8).toString('hex')}`;
  await host.files.makeFolder(folder, { mode: 0o700, parents: true });
  undo.add(() => host.files.removeTree(folder));
  return await use(folder);
}
