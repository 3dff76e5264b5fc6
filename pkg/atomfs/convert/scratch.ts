import { randomBytes } from 'node:crypto';
import { isMosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { Undo } from '../../undo/index.ts';

const mark = 'mos-convert-';
const lockName = 'lock';

/** A new folder is held a moment after it was made. */
const youngest = 60_000;

/**
 * A folder for one conversion, held until it is removed; what a killed one left, whose folder nobody holds, goes first.
 *
 *     <parent>/mos-convert-<random>/lock    held by who converts
 */
export async function makeScratch(host: Host, parent: string): Promise<AsyncDisposable & { path: string }> {
  if ((await host.files.stat(parent)) === undefined) await host.files.makeFolder(parent, { parents: true });
  await sweep(host, parent);
  const path = `${parent}/${mark}${randomBytes(8).toString('hex')}`;
  await using undo = new Undo();
  undo.add(() => host.files.removeTree(path));
  await host.files.makeFolder(path, { mode: 0o700 });
  const held = await hold(host, path);
  undo.keep();
  return {
    path,
    async [Symbol.asyncDispose]() {
      await host.files.removeTree(path);
      await held[Symbol.asyncDispose]();
    },
  };
}

const hold = (host: Host, path: string): Promise<AsyncDisposable> =>
  host.files.lock(`${path}/${lockName}`, { wait: 0, owner: 'mosb' });

async function sweep(host: Host, parent: string): Promise<void> {
  const names = await host.files.list(parent);
  for (const name of names.filter((name) => name.startsWith(mark)))
    await removeLeft(host, `${parent}/${name}`);
}

/** Only what is our own: the parent may be a folder of all people of the machine. */
async function removeLeft(host: Host, path: string): Promise<void> {
  const found = await host.files.stat(path);
  if (found?.type !== 'directory' || found.uid !== host.machine.uid) return;
  if (host.clock.now().getTime() - found.mtimeMs < youngest) return;
  try {
    await using _held = await hold(host, path);
    await host.files.removeTree(path);
  } catch (error) {
    // Somebody converts in it, or has just removed it.
    if (!isMosError(error, 'busy') && !isMosError(error, 'not-found')) throw error;
  }
}
