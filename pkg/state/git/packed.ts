import { Errors, readObject } from 'isomorphic-git';
import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import type { State } from '../paths.ts';
import { type GitObject, type ObjectId, type ObjectType, objectId } from './objects.ts';

/** What isomorphic-git remembers of the packs it opened, for as long as somebody reads this state. */
const opened = new WeakMap<State, object>();

/** An object from a pack; undefined where no pack has it. */
export async function readFromPacks(host: Host, state: State, id: ObjectId): Promise<GitObject | undefined> {
  const cache = opened.get(state) ?? {};
  opened.set(state, cache);
  try {
    const found = await readObject({
      cache,
      fs: readOnlyFiles(host),
      gitdir: state.git,
      oid: id,
      format: 'content',
    });
    const type = found.type as ObjectType;
    const body = Buffer.from(found.object as Uint8Array);
    if (objectId(type, body) === id) return { type, body };
    throw new MosError(
      'corrupt',
      `cannot read the object ${id} of ${state.repository}: its bytes have another hash`,
    );
  } catch (error) {
    if (error instanceof Errors.NotFoundError) return undefined;
    if (error instanceof MosError) throw error;
    // Not as a cause: its text asks people to report a mistake to the authors of isomorphic-git.
    throw new MosError('corrupt', `cannot read the object ${id} of ${state.repository}: its pack is damaged`);
  }
}

/** The part of node:fs that isomorphic-git reads with, through our door. */
function readOnlyFiles(host: Host) {
  const refuse = (): never => {
    throw new MosError('internal', 'cannot write through the reader of packs');
  };
  const stat = async (path: string) => {
    const found = await host.files.stat(path);
    if (found === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
    return {
      ...found,
      isFile: () => found.type === 'file',
      isDirectory: () => found.type === 'directory',
      isSymbolicLink: () => found.type === 'symlink',
    };
  };
  const readFile = async (path: string, options?: { encoding?: string } | string) => {
    const encoding = typeof options === 'string' ? options : options?.encoding;
    const bytes = Buffer.from(await asErrno(host.files.read(path)));
    return encoding === undefined ? bytes : bytes.toString('utf8');
  };
  return {
    promises: {
      readFile,
      readdir: (path: string) => asErrno(host.files.list(path)),
      stat,
      lstat: stat,
      readlink: (path: string) => asErrno(host.files.readLink(path)),
      writeFile: refuse,
      unlink: refuse,
      mkdir: refuse,
      rmdir: refuse,
      symlink: refuse,
    },
  };
}

/** isomorphic-git tells "not there" by errno. */
async function asErrno<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    const isMissing = error instanceof MosError && error.code === 'not-found';
    throw isMissing ? Object.assign(new Error(error.message), { code: 'ENOENT' }) : error;
  }
}
