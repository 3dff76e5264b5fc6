import { MosError } from '../errors/index.ts';
import { folderOf, type Host, type IdRange } from '../host/index.ts';
import type { LayerUse, MoleculeRequest } from './molecule.ts';
import { layerFolder } from './plan.ts';

/**
 * Gives the mounted layers to other ids: by mounts where the kernel can for their format, else by copies. `uses` begin with the
 * bottom, the folders of the stage with the top.
 */
export async function mapLayers(
  host: Host,
  request: MoleculeRequest,
  stage: string,
  uses: readonly LayerUse[],
  ids: IdRange,
): Promise<LayerUse[]> {
  const folders = uses.map((_, index) => layerFolder(stage, index));
  const unmapped = new Set(await host.mounts.mapIds(folders, ids));
  const mapped: LayerUse[] = [];
  for (const [index, use] of uses.toReversed().entries()) {
    const folder = layerFolder(stage, index);
    const { digest, file, check } = use;
    // The device of a layer that was copied goes with the stage.
    mapped.unshift(
      unmapped.has(folder)
        ? { digest, file, check, copy: await showCopy(host, request, use, folder, ids) }
        : use,
    );
  }
  return mapped;
}

/**
 * The files of a mounted layer as those of other ids: `<copies>/<boot>/<layer>-<first id>-<ids>`, unpacked through the checks of
 * its mount, once after each boot: what lay on a disk while the machine was off is not believed.
 */
async function showCopy(
  host: Host,
  { copies }: MoleculeRequest,
  { digest }: LayerUse,
  folder: string,
  ids: IdRange,
): Promise<string> {
  if (copies === undefined)
    throw new MosError(
      'unsupported',
      `cannot give the layer ${digest} to the ids from ${ids.start}: this kernel cannot for its format, and no copy is allowed`,
      { hint: 'convert the image with `mosb image convert --format erofs`, or use Linux 6.2 or newer' },
    );
  const copy = `${copies}/${await host.machine.bootId()}/${digest.slice(digest.indexOf(':') + 1)}-${ids.start}-${ids.count}`;
  if ((await host.files.stat(copy)) === undefined) await unpack(host, folder, copy, ids);
  await host.mounts.bind(copy, folder, { flags: ['ro', 'nodev', 'nosuid'] });
  return copy;
}

/** The name is there only when all of it is. The lock of the molecules is held. */
async function unpack(host: Host, from: string, copy: string, ids: IdRange): Promise<void> {
  const unfinished = `${copy}.new`;
  await host.files.removeTree(unfinished);
  await host.files.makeFolder(folderOf(copy), { parents: true, mode: 0o700 });
  try {
    await host.files.copyTree(from, unfinished, ids);
    await host.files.rename(unfinished, copy);
  } catch (error) {
    await host.files.removeTree(unfinished);
    throw error;
  }
}
