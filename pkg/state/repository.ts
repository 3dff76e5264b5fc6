import { type Host, temporaryPath, writeAtomic } from '../host/index.ts';
import { configText, requireOwnConfig } from './git/config.ts';
import type { StateLock } from './lock.ts';

/** Every folder of a repository, outer ones first (gitrepository-layout(5)). */
const folders = [
  '',
  '/.git',
  '/.git/objects',
  '/.git/objects/pack',
  '/.git/refs',
  '/.git/refs/heads',
  '/.git/refs/tags',
  '/.git/refs/mos',
  '/.git/refs/notes',
];

/**
 * Makes an empty repository where there is none, so that after a crash there is a whole one or none: `git init` would
 * write one file after the other. An existing one must have our configuration.
 */
export async function ensureRepository(host: Host, lock: StateLock): Promise<void> {
  const { state } = lock;
  if ((await host.files.stat(state.repository)) !== undefined) return requireOwnConfig(host, state);
  const temporary = temporaryPath(state.repository);
  for (const folder of folders) await host.files.makeFolder(`${temporary}${folder}`);
  await writeAtomic(host, `${temporary}/.git/HEAD`, 'ref: refs/heads/main\n');
  await writeAtomic(host, `${temporary}/.git/config`, configText);
  for (const folder of folders.toReversed()) await host.files.syncFolder(`${temporary}${folder}`);
  await host.files.rename(temporary, state.repository);
  await host.files.syncFolder(state.folder);
}
