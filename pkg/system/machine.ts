import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { isLayout, type Layout, openLayout } from '../layout/index.ts';
import { openState, type State } from '../state/index.ts';
import { type MachinePaths, machinePaths } from './paths.ts';
import { targetsRepository } from './places.ts';

/** A machine by its root directory; nothing of it was read yet. */
export type Machine = { readonly paths: MachinePaths; readonly state: State };

export async function openMachine(host: Host, root: string): Promise<Machine> {
  const paths = await machinePaths(host, root);
  const state = openState(paths.config);
  // Ours alone, and made by us: a link there would lead what we write to somebody else's folder.
  const store = `${paths.store}/${targetsRepository}`;
  const own = [state.records, `${state.records}/channels`, state.repository, store, ...['.mos', 'blobs', 'blobs/sha256'].map((name) => `${store}/${name}`)]; // biome-ignore format: one list
  for (const folder of own)
    if ((await host.files.stat(folder))?.type === 'symlink')
      throw new MosError('untrusted', `cannot use ${folder}: it is a link`, {
        hint: 'find out who made it; to keep the folder elsewhere, mount that one there',
      });
  return { paths, state };
}

/** What to do where images are not in the store any more. */
export const fetchAgain = 'mosctl update with the same manifest fetches lost images again';

/** The images of all targets (FORMATS 4). */
export async function openStore(
  host: Host,
  { paths }: Machine,
  options: { readonly create?: boolean; readonly owner?: string } = {},
): Promise<Layout> {
  const folder = `${paths.store}/${targetsRepository}`;
  if (!options.create && !(await isLayout(host, folder)))
    throw new MosError('not-found', `cannot find the store of images: there is none at ${folder}`, {
      hint: fetchAgain,
    });
  return openLayout(host, folder, { ...options, name: 'the store' });
}

/** The store where there is one; an install that was stopped may have left a folder that is none yet. */
export async function openStoreIfThere(host: Host, machine: Machine): Promise<Layout | undefined> {
  const folder = `${machine.paths.store}/${targetsRepository}`;
  return (await isLayout(host, folder)) ? openStore(host, machine) : undefined;
}

export const notInstalled = (machine: Machine, verb: string): MosError =>
  new MosError('state', `cannot ${verb}: nothing is installed below ${machine.paths.root}`, {
    hint: 'install it first: mosctl install',
  });
