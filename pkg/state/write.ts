import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import {
  hasObject,
  looseFolder,
  type ObjectId,
  type ObjectType,
  objectId,
  readTyped,
} from './git/objects.ts';
import { type NewObject, renderPack } from './git/pack.ts';
import { type Commit, renderCommit, renderTree } from './git/parse.ts';
import { git } from './git/run.ts';
import type { StateLock } from './lock.ts';
import type { State } from './paths.ts';

const nothing = '0'.repeat(40);

/** An object, and the id it will have. */
export type Prepared = NewObject & { readonly id: ObjectId };

const prepare = (type: ObjectType, body: Uint8Array): Prepared => ({ type, body, id: objectId(type, body) });

export const prepareBlob = (body: Uint8Array): Prepared => prepare('blob', body);

export const prepareTree = (files: ReadonlyMap<string, ObjectId>): Prepared =>
  prepare('tree', renderTree([...files].map(([name, id]) => ({ mode: '100644', name, id }))));

export const prepareCommit = (commit: Commit): Prepared => prepare('commit', renderCommit(commit));

/**
 * Has git write what is missing of some objects, all by one command, and makes their names durable. git checks their form
 * and that what they name is there (--strict), syncs each, and what it wrote is read again and compared.
 */
export async function writeObjects(
  host: Host,
  { state }: StateLock,
  objects: readonly Prepared[],
): Promise<void> {
  const missing: Prepared[] = [];
  for (const object of objects)
    if (!(await hasObject(host, state, object.type, object.id))) missing.push(object);
  if (missing.length > 0)
    await git(host, state, ['unpack-objects', '-q', '--strict'], { input: renderPack(missing) });
  for (const { type, id } of missing) await readTyped(host, state, type, id);
  await syncObjects(host, state, objects);
}

/** git syncs files and not folders: without this, a name could be lost that a ref already uses. */
async function syncObjects(host: Host, state: State, objects: readonly Prepared[]): Promise<void> {
  const folders = new Set(objects.map(({ id }) => looseFolder(state, id)));
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
