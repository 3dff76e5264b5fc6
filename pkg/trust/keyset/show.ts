import { MosError } from '../../errors/index.ts';
import { type Host, readText } from '../../host/index.ts';
import { checkName, type KeysOptions, keysetFolder } from './folder.ts';
import { keysetFolders } from './plan.ts';

/** One file of a keyset; `text` is left out for a private key that nobody asked for by name. */
export type ShownFile = { readonly path: string; readonly text?: string };

/** What a keyset holds: its folders, or the files of one key, or one file. */
export type ShownKeyset = {
  readonly keyset: string;
  readonly path: string;
  readonly folders: readonly string[];
  readonly files: readonly ShownFile[];
};

const privateKey = 'privkey.pem';

/** `key` is a folder of the keyset, `manifest:PROJECT` that of a project; `item` a file of it. */
export async function showKeyset(
  host: Host,
  keyset: string,
  key?: string,
  item?: string,
  options: KeysOptions = {},
): Promise<ShownKeyset> {
  const path = await keysetFolder(host, keyset, options);
  if (key === undefined)
    return { keyset, path, folders: keysetFolders.map((name) => `${path}/${name}`), files: [] };
  const folder = `${path}/${folderOfKey(keyset, key)}`;
  const stat = await host.files.stat(folder);
  if (stat?.type !== 'directory')
    throw new MosError('not-found', `cannot show ${key} of the keyset ${keyset}: there is no ${folder}`);
  return { keyset, path, folders: [folder], files: await readItems(host, folder, item) };
}

function folderOfKey(keyset: string, key: string): string {
  const project = /^manifest[:/](.*)$/s.exec(key)?.[1];
  if (project !== undefined) return `manifest/${checkName('project', project)}`;
  if (key === 'manifest')
    throw new MosError('usage', 'cannot show manifest: it holds a folder per project', {
      hint: `say manifest:PROJECT; trust project list ${keyset} shows them`,
    });
  if ((keysetFolders as readonly string[]).includes(key)) return key;
  throw new MosError('usage', `cannot show ${JSON.stringify(key.slice(0, 100))}: it is no key of a keyset`, {
    hint: `one of ${keysetFolders.join(', ')}, manifest:PROJECT`,
  });
}

async function readItems(host: Host, folder: string, item: string | undefined): Promise<ShownFile[]> {
  if (item !== undefined) {
    const path = `${folder}/${checkItem(item)}`;
    return [{ path, text: await readText(host, path) }];
  }
  const files: ShownFile[] = [];
  for (const name of await host.files.list(folder)) {
    const path = `${folder}/${name}`;
    if ((await host.files.stat(path))?.type !== 'file') continue;
    files.push(name === privateKey ? { path } : { path, text: await readText(host, path) });
  }
  return files;
}

function checkItem(item: string): string {
  if (item !== '' && !/[/\0]/.test(item) && !item.startsWith('.')) return item;
  throw new MosError('usage', `cannot show ${JSON.stringify(item.slice(0, 100))}: it is no name of a file`);
}
