import type { Host } from '../../host/index.ts';
import { folderOfKeys, type KeysOptions, keysetFolder, projectFolder } from './folder.ts';

/** Names of folders in a folder, sorted; none where the folder is missing. Ours that begin with a dot are left out. */
async function foldersIn(host: Host, path: string): Promise<string[]> {
  if ((await host.files.stat(path)) === undefined) return [];
  const names = (await host.files.list(path)).filter((name) => !name.startsWith('.'));
  const isFolder = await Promise.all(
    names.map(async (name) => (await host.files.stat(`${path}/${name}`))?.type === 'directory'),
  );
  return names.filter((_, index) => isFolder[index]);
}

export const listKeysets = (host: Host, options: KeysOptions = {}): Promise<string[]> =>
  foldersIn(host, folderOfKeys(host, options));

export const listProjects = async (
  host: Host,
  keyset: string,
  options: KeysOptions = {},
): Promise<string[]> => foldersIn(host, `${await keysetFolder(host, keyset, options)}/manifest`);

export const listSudis = async (
  host: Host,
  keyset: string,
  project: string,
  options: KeysOptions = {},
): Promise<string[]> => foldersIn(host, `${await projectFolder(host, keyset, project, options)}/sudi`);
