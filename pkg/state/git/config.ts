import { MosError } from '../../errors/index.ts';
import { type Host, readTextIfThere, writeAtomic } from '../../host/index.ts';
import type { State } from '../paths.ts';

/** git-config: everything that could run a program or weaken a write is said here; nothing else may be. */
export const configText = `[core]
	repositoryformatversion = 0
	bare = false
	filemode = false
	symlinks = false
	logallrefupdates = false
	fsync = all
	fsyncMethod = fsync
	looseCompression = 0
	fsmonitor = false
	hooksPath = /dev/null
[gc]
	auto = 0
[maintenance]
	auto = false
`;

/** What earlier versions wrote: replaced by the present text when it is met. */
const formerTexts = [configText.replace('\tlooseCompression = 0\n', '')];

/** Files by which a repository takes objects or settings from somewhere else (gitrepository-layout(5)). */
const redirections = [
  'commondir',
  'config.worktree',
  'objects/info/alternates',
  'objects/info/http-alternates',
];

/** Where git writes: none of these may be a link, which would lead what it writes out of the repository. */
const places = [
  '',
  '/HEAD',
  '/config',
  '/index',
  '/packed-refs',
  '/objects',
  '/objects/info',
  '/objects/pack',
  '/refs',
  '/refs/heads',
  '/refs/mos',
  '/refs/notes',
  '/refs/tags',
];

/** git goes on with a log of a ref that is there, whatever core.logAllRefUpdates says, through a link too. */
const logs = ['/logs', '/logs/HEAD', '/logs/refs', '/logs/refs/heads', '/logs/refs/mos', '/logs/refs/notes', '/logs/refs/tags', '/logs/refs/heads/main']; // biome-ignore format: a list of names

/** Everything of the repository that git would follow out of it: links where it writes. */
export async function findLinks(host: Host, state: State): Promise<string[]> {
  const objects = await host.files.list(`${state.git}/objects`).catch(() => []);
  const hashed = objects.filter((name) => /^[0-9a-f]{2}$/.test(name)).map((name) => `/objects/${name}`);
  const paths = [state.repository, ...[...places, ...logs, ...hashed].map((name) => `${state.git}${name}`)];
  const found = await Promise.all(paths.map((path) => host.files.stat(path)));
  return paths.filter((_, index) => found[index]?.type === 'symlink');
}

/** Before git is run on it: the repository is ours, and its settings are those that we wrote. */
export async function requireOwnConfig(host: Host, state: State): Promise<void> {
  const foreign = await findForeign(host, state);
  if (foreign !== undefined) throw foreign;
  const [link] = await findLinks(host, state);
  if (link !== undefined) throw refusal(state, `${link} is a link`);
  if ((await readTextIfThere(host, `${state.git}/config`)) !== configText)
    await writeAtomic(host, `${state.git}/config`, configText);
}

/** Why nothing is written to the repository, links apart. */
export async function findForeign(host: Host, state: State): Promise<MosError | undefined> {
  for (const folder of [state.repository, state.git])
    if ((await host.files.stat(folder))?.type !== 'directory')
      return refusal(state, `${folder} is no folder`);
  for (const name of redirections)
    if ((await host.files.stat(`${state.git}/${name}`)) !== undefined)
      return refusal(state, `it has a file .git/${name}`);
  const text = await readTextIfThere(host, `${state.git}/config`);
  if (text === undefined || text === configText || formerTexts.includes(text)) return undefined;
  const hint = 'find out who changed it, and remove it: the next update writes it again';
  return refusal(state, 'its .git/config is not the one that mosctl wrote', hint);
}

const refusal = (
  { repository }: State,
  why: string,
  hint = 'find out who changed it, and put it back',
): MosError => new MosError('untrusted', `cannot write to ${repository}: ${why}`, { hint });
