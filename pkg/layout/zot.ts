import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { isRepositoryName } from '../oci/index.ts';
import { type LayoutFolder, makeDurableFolder } from './folder.ts';
import { isLayout, layoutAt, openFolder } from './open.ts';
import type { ZotRoot } from './types.ts';

const depthLimit = 16;
/** What a layout has in its folder: a repository of that name would lie in another one's way. */
const layoutNames: ReadonlySet<string> = new Set(['blobs', 'index.json', 'oci-layout']);

/** Refuses a name that can be no folder below a zot root. */
export function requireRepositoryName(name: string): void {
  if (!isRepositoryName(name))
    throw new MosError('usage', `cannot use ${JSON.stringify(name.slice(0, 300))} as a repository name`);
  const taken = name.split('/').find((component) => layoutNames.has(component));
  if (taken !== undefined)
    throw new MosError(
      'usage',
      `cannot use ${name} as a repository name: "${taken}" is a part of each layout`,
      { hint: 'choose another name: a repository may lie below another one, which is a layout' },
    );
}

/** Opens zot's storage root: a folder with repositories as layouts below it, at nested names. */
export async function openZotRoot(
  host: Host,
  root: string,
  { create = false, owner = 'mos' }: { readonly create?: boolean; readonly owner?: string } = {},
): Promise<ZotRoot> {
  if (!root.startsWith('/'))
    throw new MosError('usage', `cannot open the repositories in ${root}: the path must be absolute`);
  if (create) await makeDurableFolder(host, root);
  if ((await host.files.stat(root)) === undefined)
    throw new MosError('not-found', `cannot open the repositories in ${root}: there is no such folder`);
  const real = await host.files.realPath(root);
  return {
    root: real,
    repositories: async () => (await layoutsBelow(host, real, '', 0)).sort(),
    async repository(name, options = {}) {
      const folder = await repositoryFolder(host, real, name);
      if (!options.create && !(await isLayout(host, folder)))
        throw new MosError('not-found', `cannot find the repository ${name} in ${real}`);
      const at = await openFolder(host, folder, { name, owner, create: options.create ?? false });
      return layoutAt({ ...at, sibling: (other) => siblingOf(host, real, at, other) });
    },
  };
}

async function siblingOf(
  host: Host,
  root: string,
  at: LayoutFolder,
  name: string,
): Promise<LayoutFolder | undefined> {
  const folder = await repositoryFolder(host, root, name);
  if (folder === at.folder || !(await isLayout(host, folder))) return undefined;
  return openFolder(host, folder, { name, owner: at.owner });
}

/** The folder of a repository; none of its components may be a link, or be what a layout above it uses. */
async function repositoryFolder(host: Host, root: string, name: string): Promise<string> {
  requireRepositoryName(name);
  let folder = root;
  for (const component of name.split('/')) {
    folder = `${folder}/${component}`;
    const type = (await host.files.stat(folder))?.type;
    if (type !== undefined && type !== 'directory')
      throw new MosError(
        'invalid',
        `cannot use ${folder} as a repository: it is a ${type} in place of a folder`,
      );
  }
  return folder;
}

async function layoutsBelow(host: Host, root: string, name: string, depth: number): Promise<string[]> {
  const found = name !== '' && (await isLayout(host, `${root}/${name}`)) ? [name] : [];
  if (depth === depthLimit) return found;
  for (const component of await host.files.list(`${root}/${name}`)) {
    const below = name === '' ? component : `${name}/${component}`;
    if (layoutNames.has(component) || !isRepositoryName(component)) continue;
    if ((await host.files.stat(`${root}/${below}`))?.type !== 'directory') continue;
    found.push(...(await layoutsBelow(host, root, below, depth + 1)));
  }
  return found;
}
