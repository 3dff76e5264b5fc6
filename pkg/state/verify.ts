import { messageOf } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { findForeign, findLinks } from './git/config.ts';
import { isHeadLost } from './git/head.ts';
import { type ObjectId, readTyped } from './git/objects.ts';
import { parseCommit, parseTree } from './git/parse.ts';
import { listRefs } from './git/refs.ts';
import { mainRef, roleRef, roles, type State } from './paths.ts';
import { isIndexWhole } from './view.ts';

export type RepositoryCheck = { readonly objects: number; readonly problems: readonly string[] };

/** Reads every object that a ref reaches and compares its hash, without a git program. Never throws for damage. */
export async function verifyRepository(host: Host, state: State): Promise<RepositoryCheck> {
  const seen = new Set<ObjectId>();
  const problems: string[] = [];
  const attempt = async (what: string, run: () => Promise<void>): Promise<void> => {
    await run().catch((error: unknown) => void problems.push(`${what}: ${messageOf(error)}`));
  };
  const tree = async (id: ObjectId, what: string): Promise<void> => {
    if (seen.has(id)) return;
    seen.add(id);
    for (const entry of parseTree(await readTyped(host, state, 'tree', id)))
      await attempt(`${what}, ${entry.name}`, async () => {
        if (entry.mode === '40000') return tree(entry.id, what);
        if (seen.has(entry.id)) return;
        seen.add(entry.id);
        await readTyped(host, state, 'blob', entry.id);
      });
  };
  const line = async (from: ObjectId, what: string): Promise<void> => {
    for (let at: ObjectId | undefined = from; at !== undefined && !seen.has(at); ) {
      seen.add(at);
      const commit = parseCommit(await readTyped(host, state, 'commit', at));
      await attempt(what, () => tree(commit.tree, what));
      at = commit.parents[0];
    }
  };
  for (const link of await findLinks(host, state)) problems.push(`${link} is a link`);
  await attempt('.git', async () => void problems.push(...(await gitProblems(host, state))));
  let refs = new Map<string, ObjectId>();
  await attempt('refs', async () => {
    for (const folder of ['refs/heads/', 'refs/mos/', 'refs/tags/', 'refs/notes/'])
      refs = new Map([...refs, ...(await listRefs(host, state, folder))]);
  });
  // The line first: what a role holds and the line does not, nobody finds who reads the history.
  const main = refs.get(mainRef);
  if (main !== undefined) await attempt(mainRef, () => line(main, mainRef));
  for (const ref of roles.map(roleRef)) {
    const held = refs.get(ref);
    if (held !== undefined && !seen.has(held)) problems.push(`${ref}: ${held} is not on ${mainRef}`);
  }
  for (const [ref, id] of refs) await attempt(ref, () => line(id, ref));
  return { objects: seen.size, problems };
}

/** What would stop git or be refused when the next generation is written. */
async function gitProblems(host: Host, state: State): Promise<string[]> {
  if ((await host.files.stat(state.repository))?.type !== 'directory') return [];
  const foreign = await findForeign(host, state);
  return [
    ...(foreign === undefined ? [] : [`${foreign.message}; ${foreign.hint}`]),
    ...((await isHeadLost(host, state))
      ? [`${state.git}/HEAD names no branch; the next update writes it again`]
      : []),
    ...((await isIndexWhole(host, state))
      ? []
      : [`${state.git}/index is damaged; the next update makes it again`]),
  ];
}
