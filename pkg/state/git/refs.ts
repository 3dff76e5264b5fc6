import { MosError } from '../../errors/index.ts';
import { type Host, readTextIfThere } from '../../host/index.ts';
import type { State } from '../paths.ts';
import { isObjectId, type ObjectId } from './objects.ts';

/** What a ref points at: its own file, else a line of packed-refs; undefined where there is none. */
export async function readRef(host: Host, state: State, ref: string): Promise<ObjectId | undefined> {
  const loose = await readTextIfThere(host, `${state.git}/${ref}`);
  if (loose === undefined) return (await readPackedRefs(host, state)).get(ref);
  const id = loose.trim();
  if (isObjectId(id)) return id;
  throw new MosError('corrupt', `cannot read ${ref} of ${state.repository}: it holds no object id`, {
    hint: 'mosctl verify looks at the whole repository',
  });
}

/** Every ref below `prefix` (`refs/tags/`). */
export async function listRefs(host: Host, state: State, prefix: string): Promise<Map<string, ObjectId>> {
  const packed = await readPackedRefs(host, state);
  const refs = new Map([...packed].filter(([ref]) => ref.startsWith(prefix)));
  const folder = `${state.git}/${prefix.replace(/\/$/, '')}`;
  if ((await host.files.stat(folder))?.type !== 'directory') return refs;
  for (const name of await host.files.list(folder)) {
    if (name.endsWith('.lock')) continue;
    const id = await readRef(host, state, `${prefix}${name}`);
    if (id !== undefined) refs.set(`${prefix}${name}`, id);
  }
  return refs;
}

async function readPackedRefs(host: Host, state: State): Promise<Map<string, ObjectId>> {
  return parsePackedRefs((await readTextIfThere(host, `${state.git}/packed-refs`)) ?? '');
}

/** `<id> <ref>` a line; `#` begins a comment, `^` says what the tag above it points at. */
export const parsePackedRefs = (text: string): Map<string, ObjectId> =>
  new Map(
    text.split('\n').flatMap((line) => {
      const match = /^([0-9a-f]{40}) (refs\/\S+)$/.exec(line);
      return match === null ? [] : [[match[2] ?? '', match[1] ?? ''] as const];
    }),
  );
