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

/** Before git is run on it: the repository is ours, and its settings are those that we wrote. */
export async function requireOwnConfig(host: Host, state: State): Promise<void> {
  const refuse = (why: string): MosError =>
    new MosError('untrusted', `cannot write to ${state.repository}: ${why}`, {
      hint: 'find out who changed it, and put it back',
    });
  for (const folder of [state.repository, state.git])
    if ((await host.files.stat(folder))?.type !== 'directory') throw refuse(`${folder} is no folder`);
  for (const name of redirections)
    if ((await host.files.stat(`${state.git}/${name}`)) !== undefined)
      throw refuse(`it has a file .git/${name}`);
  const text = await readTextIfThere(host, `${state.git}/config`);
  if (text === undefined || formerTexts.includes(text))
    return writeAtomic(host, `${state.git}/config`, configText);
  if (text !== configText) throw refuse('its .git/config is not the one that mosctl wrote');
}
