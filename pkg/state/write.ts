import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { hasObject, looseFolder, type ObjectId, objectId } from './git/objects.ts';
import { renderTree, type TreeEntry } from './git/parse.ts';
import { git } from './git/run.ts';
import type { StateLock } from './lock.ts';
import type { State } from './paths.ts';

const nothing = '0'.repeat(40);

/** Writes a blob by git and returns its id; one that is there and whole is not written again. */
export async function writeBlob(host: Host, { state }: StateLock, body: Uint8Array): Promise<ObjectId> {
  const id = objectId('blob', body);
  if (await hasObject(host, state, 'blob', id)) return id;
  return same(id, await git(host, state, ['hash-object', '-w', '--stdin'], { input: body }));
}

export async function writeTree(
  host: Host,
  { state }: StateLock,
  files: ReadonlyMap<string, ObjectId>,
): Promise<ObjectId> {
  const entries: TreeEntry[] = [...files].map(([name, id]) => ({ mode: '100644', name, id }));
  const id = objectId('tree', renderTree(entries));
  if (await hasObject(host, state, 'tree', id)) return id;
  const input = entries.map((entry) => `${entry.mode} blob ${entry.id}\t${entry.name}\0`).join('');
  return same(id, await git(host, state, ['mktree', '-z'], { input }));
}

export type NewCommit = {
  readonly tree: ObjectId;
  readonly parent: ObjectId | undefined;
  readonly message: string;
  readonly time: Date;
};

export async function writeCommit(host: Host, { state }: StateLock, commit: NewCommit): Promise<ObjectId> {
  const date = `@${Math.floor(commit.time.getTime() / 1000)} +0000`;
  const env = Object.fromEntries(
    ['AUTHOR', 'COMMITTER'].flatMap((who) => [
      [`GIT_${who}_NAME`, 'machine'],
      [`GIT_${who}_EMAIL`, 'root@machine.local'],
      [`GIT_${who}_DATE`, date],
    ]),
  );
  const parents = commit.parent === undefined ? [] : ['-p', commit.parent];
  return git(host, state, ['commit-tree', commit.tree, ...parents, '-F', '-'], {
    input: commit.message,
    env,
  });
}

function same(expected: ObjectId, written: string): ObjectId {
  if (written === expected) return expected;
  throw new MosError('internal', `cannot trust git: it wrote ${written} for ${expected}`);
}

/** git syncs files and not folders: without this, a name could be lost that a ref already uses. */
export async function syncObjects(host: Host, { state }: StateLock, ids: readonly ObjectId[]): Promise<void> {
  const folders = new Set(ids.map((id) => looseFolder(state, id)));
  for (const folder of [...folders].sort())
    if (await isFolder(host, folder)) await host.files.syncFolder(folder);
  await host.files.syncFolder(`${state.git}/objects`);
}

const isFolder = async (host: Host, path: string): Promise<boolean> =>
  (await host.files.stat(path))?.type === 'directory';

/** One ref from what it must be now (undefined: not there) to what it shall be (undefined: removed). */
export type RefMove = {
  readonly ref: string;
  readonly from: ObjectId | undefined;
  readonly to: ObjectId | undefined;
};

/**
 * Moves refs by one `update-ref` transaction and makes it durable. Either all old values fit and all are moved, or
 * none; a power cut may leave the first ones moved, in the order given.
 */
export async function moveRefs(host: Host, { state }: StateLock, moves: readonly RefMove[]): Promise<void> {
  const real = moves.filter(({ from, to }) => from !== to);
  if (real.length > 0) await updateRefs(host, state, real);
  // Also of what is there already: a crash may have come between the move and this.
  await syncRefs(host, state, moves);
}

async function updateRefs(host: Host, state: State, moves: readonly RefMove[]): Promise<void> {
  const input = moves.map(({ ref, from, to }) =>
    to === undefined ? `delete ${ref} ${from}\n` : `update ${ref} ${to} ${from ?? nothing}\n`,
  );
  try {
    await git(host, state, ['update-ref', '--stdin'], { input: input.join('') });
  } catch (cause) {
    throw moveError(moves, cause);
  }
}

function moveError(moves: readonly RefMove[], cause: unknown): unknown {
  if (!(cause instanceof MosError)) return cause;
  const what = `cannot move ${moves.map(({ ref }) => ref).join(', ')}`;
  if (/but expected|already exists|unable to resolve/.test(cause.message))
    return new MosError('state', `${what}: it was moved by somebody else`, {
      hint: 'look at mosctl log and try again',
      cause,
    });
  // Leftovers were removed when the lock was taken: this is a living git.
  if (cause.message.includes('File exists'))
    return new MosError('busy', `${what}: a git is at work there`, { hint: 'wait and try again', cause });
  return cause;
}

async function syncRefs(host: Host, state: State, moves: readonly RefMove[]): Promise<void> {
  const folders = new Set(moves.map(({ ref }) => `${state.git}/${ref.slice(0, ref.lastIndexOf('/'))}`));
  for (const folder of [...folders].sort())
    if (await isFolder(host, folder)) await host.files.syncFolder(folder);
  await host.files.syncFolder(`${state.git}/refs`);
  if (moves.some(({ to }) => to === undefined)) await host.files.syncFolder(state.git); // packed-refs
}
