import type { Integrity, MoleculeLayer, Mounted, Upper } from '../atomfs/index.ts';
import { codeOf, MosError } from '../errors/index.ts';
import type { Host, IdRange } from '../host/index.ts';
import type { Layout } from '../layout/index.ts';
import type { InstallTarget } from '../manifest/index.ts';
import { followed } from './beneath.ts';
import { readImage } from './images.ts';
import type { Machine } from './machine.ts';
import type { MachinePaths } from './paths.ts';

export type MountRequest = {
  readonly target: InstallTarget;
  /** An existing folder. */
  readonly at: string;
  readonly integrity: Integrity;
  /** Without it read-only. */
  readonly upper?: Upper | undefined;
  readonly panicOnCorruption?: boolean;
  /** Another image at the place gives way, after `healthy` has looked at the new one. */
  readonly replace?: boolean;
  readonly healthy?: (path: string) => Promise<void>;
  /** Those of a container. */
  readonly ids?: IdRange | undefined;
  /** `mosctl mount` */
  readonly owner: string;
};

/** Mounts the image of a target from the store. */
export async function mountTarget(
  host: Host,
  { paths }: Machine,
  store: Layout,
  request: MountRequest,
): Promise<Mounted> {
  const { target, at, integrity, upper, owner } = request;
  requireAllowed(target, integrity);
  const { mountMolecule } = await import('../atomfs/index.ts');
  try {
    return await mountMolecule(host, {
      layers: await layerFiles(target, store),
      target: at,
      integrity,
      runtime: paths.run,
      owner,
      ...(upper === undefined ? {} : { upper }),
      ...(request.ids === undefined ? {} : { ids: request.ids, copies: copiesFor(target, paths) }),
      ...(request.panicOnCorruption ? { panicOnCorruption: true } : {}),
      ...(request.replace ? { replace: true } : {}),
      ...(request.healthy ? { healthy: request.healthy } : {}),
    });
  } catch (cause) {
    throw new MosError(codeOf(cause), `cannot mount ${target.service_name}`, { cause });
  }
}

/** A manifest may forbid the mode that hashes whole blobs before the mount (FORMATS 2). */
function requireAllowed(target: InstallTarget, integrity: Integrity): void {
  if (target.integrity === 'verity' && integrity !== 'verity')
    throw new MosError(
      'untrusted',
      `cannot mount ${target.service_name} with --integrity ${integrity}: its manifest demands verity`,
    );
}

/** Copies are not checked while they are read, which a manifest may forbid. */
const copiesFor = (target: InstallTarget, paths: MachinePaths): string | undefined =>
  target.integrity === 'verity' ? undefined : copiesFolder(paths);

/** Where layers are unpacked that the kernel cannot give to the ids of a container. */
export const copiesFolder = ({ scratch }: MachinePaths): string => `${scratch}/mapped`;

/** The layers of the image that was signed, as files. */
async function layerFiles(target: InstallTarget, store: Layout): Promise<MoleculeLayer[]> {
  const { image } = await readImage(target, store);
  return Promise.all(
    image.layers.map(async (descriptor) => ({ descriptor, file: await store.blobFile(descriptor) })),
  );
}

/** A folder below the machine's root, made where it is missing; no link in it leads out of the root. */
export async function folderBelow(host: Host, { root }: MachinePaths, path: string): Promise<string> {
  const below = path.slice(root === '/' ? 1 : root.length + 1);
  let at = root;
  for (const name of below.split('/')) {
    const next = `${at === '/' ? '' : at}/${name}`;
    if ((await host.files.stat(next)) === undefined) await host.files.makeFolder(next, { parents: true });
    at = await followed(host, root, next.slice(root === '/' ? 1 : root.length + 1), next);
  }
  return at;
}

/** Where changes of a writable mount go that is no root file system: gone with the mount. */
export const scratchUpper = (paths: MachinePaths): Upper => ({ kind: 'folder', folder: uppersFolder(paths) });
export const uppersFolder = ({ scratch }: MachinePaths): string => `${scratch}/molecules`;
