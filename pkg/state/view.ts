import { hash } from 'node:crypto';
import type { Host } from '../host/index.ts';
import { requireOwnConfig } from './git/config.ts';
import { objectId, readTyped } from './git/objects.ts';
import { parseCommit, parseTree } from './git/parse.ts';
import { readRef } from './git/refs.ts';
import { git } from './git/run.ts';
import type { StateLock } from './lock.ts';
import { mainRef, type State } from './paths.ts';

/**
 * Brings the work tree, which is only for people, to the newest generation: `git status` is clean afterwards. Call it
 * after the switch; mosctl itself reads committed objects only, so a crash before it costs nothing.
 */
export async function refreshView(host: Host, lock: StateLock): Promise<void> {
  const { state } = lock;
  const tip = await readRef(host, state, mainRef);
  if (tip === undefined || (await isFresh(host, lock, tip))) return;
  await requireOwnConfig(host, state);
  const hasIndex = (await host.files.stat(`${state.git}/index`)) !== undefined;
  if (!hasIndex || !(await isIndexWhole(host, state))) await forgetView(host, state);
  await git(host, state, ['read-tree', '--reset', '-u', tip]);
  await syncView(host, state);
}

/** gitformat-index(5): a hash of all before it ends it; zeros where a person's git was told to save the time (index.skipHash). */
export async function isIndexWhole(host: Host, state: State): Promise<boolean> {
  const path = `${state.git}/index`;
  if ((await host.files.stat(path)) === undefined) return true;
  const bytes = Buffer.from(await host.files.read(path));
  const end = bytes.subarray(-hashSize).toString('hex');
  return (
    bytes.toString('latin1', 0, 4) === 'DIRC' &&
    [hash('sha1', bytes.subarray(0, -hashSize), 'hex'), '0'.repeat(2 * hashSize)].includes(end)
  );
}

const hashSize = 20;

/** Without its index git does not know which files are of the view: it would leave those of an older one. */
async function forgetView(host: Host, state: State): Promise<void> {
  for (const name of await host.files.list(state.repository))
    if (/^(?:manifest\.yaml|[0-9a-f]{64}\.(?:yaml|yaml\.signed|pem))$/.test(name))
      await host.files.removeTree(`${state.repository}/${name}`);
  await host.files.remove(`${state.git}/index`);
}

/** git syncs what is its own, and not the files of a work tree. */
async function syncView(host: Host, state: State): Promise<void> {
  const names = (await host.files.list(state.repository)).filter((name) => name !== '.git');
  await Promise.all(names.map((name) => syncFile(host, `${state.repository}/${name}`)));
  await host.files.syncFolder(state.repository);
  await host.files.syncFolder(state.git);
}

async function syncFile(host: Host, path: string): Promise<void> {
  const stat = await host.files.stat(path);
  if (stat?.type !== 'file') return;
  await using file = await host.files.resume(path, stat.size);
  await file.sync();
}

async function isFresh(host: Host, { state }: StateLock, tip: string): Promise<boolean> {
  if ((await host.files.stat(`${state.git}/index`)) === undefined) return false;
  const { tree } = parseCommit(await readTyped(host, state, 'commit', tip));
  const wanted = new Map(
    parseTree(await readTyped(host, state, 'tree', tree)).map((entry) => [entry.name, entry.id]),
  );
  const names = (await host.files.list(state.repository)).filter((name) => name !== '.git');
  if (names.length !== wanted.size) return false;
  for (const name of names) {
    const path = `${state.repository}/${name}`;
    if ((await host.files.stat(path))?.type !== 'file') return false;
    if (objectId('blob', await host.files.read(path)) !== wanted.get(name)) return false;
  }
  return true;
}
