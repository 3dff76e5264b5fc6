import { erasePartition } from '../../disk/index.ts';
import { MosError } from '../../errors/index.ts';
import { folderOf, type Host } from '../../host/index.ts';
import { parseVolumeLabel, type VolumeLabel } from '../../manifest/index.ts';
import { openMachine } from '../machine.ts';
import type { MachinePaths } from '../paths.ts';
import { lockServices } from '../service/record.ts';
import { findPartition } from './partition.ts';
import { mountsFolder, volumePlace } from './place.ts';

export type PurgeResult = { readonly label: string; readonly bytes: number };

/** Removes a volume and all that is in it. The only way: no update and no rollback does. */
export async function purgeVolume(
  host: Host,
  options: { readonly root: string; readonly label: string },
): Promise<PurgeResult> {
  const label = parseVolumeLabel(options.label);
  const { paths } = await openMachine(host, options.root);
  await using _lock = await lockServices(host, paths, 'mosctl volume purge');
  const mounts = `${mountsFolder(paths)}/${label}/`;
  if ((await host.mounts.table()).some(({ target }) => target.startsWith(mounts)))
    throw new MosError('busy', `cannot remove the volume ${label}: a service has it`, {
      hint: 'stop the services that use it first: mosctl volume ls',
    });
  let bytes = 0;
  for (const persistent of [true, false]) {
    const { image } = volumePlace(paths, label, persistent);
    const found = await host.files.stat(image);
    if (found === undefined) continue;
    bytes += found.size;
    await host.files.remove(image);
    await host.files.syncFolder(folderOf(image));
  }
  bytes += await purgePartition(host, paths, label);
  if (bytes > 0) return { label, bytes };
  throw new MosError('not-found', `cannot remove the volume ${label}: it was never made`, {
    hint: 'see mosctl volume ls',
  });
}

/** What is no file system of ours goes too: that is what its refusal says to do. */
async function purgePartition(host: Host, paths: MachinePaths, label: VolumeLabel): Promise<number> {
  const found = await findPartition(host, paths, label);
  if (found === undefined || found.content.kind === 'blank') return 0;
  await erasePartition(host, found.node);
  return found.content.kind === 'ext4' ? found.content.bytes : found.bytes;
}
