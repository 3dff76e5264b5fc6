import {
  growMounted,
  growVolumeImage,
  makePartitionFileSystem,
  makeVolumeImage,
  readContent,
} from '../../disk/index.ts';
import { MosError } from '../../errors/index.ts';
import { folderOf, type Host, type IdRange, type MountEntry, sweepTemporary } from '../../host/index.ts';
import type { MachineVolume, VolumeLabel } from '../../manifest/index.ts';
import { Undo } from '../../undo/index.ts';
import type { MachinePaths } from '../paths.ts';
import { findPartition, type VolumePartition } from './partition.ts';
import { mappedPlace, mountsFolder, type VolumePlace, volumePlace } from './place.ts';

const mountedAt = (table: readonly MountEntry[], path: string): boolean =>
  table.some(({ target }) => target === path);

const mebibyte = 1024 * 1024;

/** Whose a new volume is and what others may do, as the container sees it: that of the folder it covers. */
export type VolumeRoot = { readonly uid: number; readonly gid: number; readonly mode: number };

/**
 * Mounts a volume from its partition or its file, made where it is missing, larger where its manifest says so now; returns the folder that a service is
 * given. A persistent one is never formatted or shrunk; another one is new whenever nobody had it.
 * The caller holds the lock of the services.
 */
export async function openVolume(
  host: Host,
  paths: MachinePaths,
  { volume: label, definition, idmap }: MachineVolume,
  root: VolumeRoot,
): Promise<string> {
  const place = volumePlace(paths, label, definition.persistent);
  const ids = idmap && { start: idmap.hostid, count: idmap.count };
  const mapped = mappedPlace(place, ids);
  // The root of a container must be able to pass these; it can list none of them.
  await host.files.makeFolder(folderOf(place.mount), { parents: true, mode: 0o711 });
  const table = await host.mounts.table();
  if (mountedAt(table, mapped)) return mapped;
  await using undo = new Undo();
  if (!mountedAt(table, place.mount)) {
    const partition = await partitionFor(host, paths, place, label, definition);
    if (partition === undefined) {
      await prepareImage(host, place, label, definition);
      await mountImage(host, place, label);
    } else await mountPartition(host, place, label, partition, definition.size * mebibyte);
    undo.add(() => host.mounts.unmount(place.mount, { detach: true }));
  }
  await makeRoot(host, place, root);
  await host.files.makeFolder(mapped, { parents: true });
  await host.mounts.bind(place.data, mapped, { flags: ['nodev', 'nosuid'] });
  undo.add(() => host.mounts.unmount(mapped, { detach: true }));
  if (ids !== undefined) await mapVolume(host, mapped, label, ids);
  undo.keep();
  return mapped;
}

/** Those that are kept have a partition where there is one; what began in a file stays there. */
async function partitionFor(
  host: Host,
  paths: MachinePaths,
  { image }: VolumePlace,
  label: VolumeLabel,
  { persistent }: MachineVolume['definition'],
): Promise<VolumePartition | undefined> {
  if (!persistent || (await host.files.stat(image)) !== undefined) return undefined;
  return findPartition(host, paths, label);
}

async function mountPartition(
  host: Host,
  { mount }: VolumePlace,
  label: VolumeLabel,
  { node, bytes, content }: VolumePartition,
  wanted: number,
): Promise<void> {
  if (content.kind === 'foreign')
    throw new MosError(
      'exists',
      `cannot use the volume ${label}: its partition ${node} holds something that is no ext4 file system`,
      { hint: `nothing is formatted that is not empty; give it up: mosctl volume purge ${label}` },
    );
  if (bytes < wanted)
    throw new MosError(
      'no-space',
      `cannot use the volume ${label}: its manifest says ${wanted} bytes, its partition ${node} has ${bytes}`,
    );
  if (content.kind === 'blank') await makePartitionFileSystem(host, node, wanted);
  await mountFileSystem(host, { source: node, target: mount, label, where: node, bytes: wanted });
}

async function mapVolume(host: Host, mapped: string, label: VolumeLabel, ids: IdRange): Promise<void> {
  const [unmapped] = await host.mounts.mapIds([mapped], ids);
  if (unmapped === undefined) return;
  throw new MosError(
    'unsupported',
    `cannot use the volume ${label}: this kernel cannot give it to the ids from ${ids.start}`,
    { hint: 'Linux 5.12 and newer can' },
  );
}

async function prepareImage(
  host: Host,
  { image }: VolumePlace,
  label: VolumeLabel,
  { persistent, size }: MachineVolume['definition'],
): Promise<void> {
  const bytes = size * mebibyte;
  const folder = folderOf(image);
  await host.files.makeFolder(folder, { parents: true, mode: 0o700 });
  await sweepTemporary(host, folder);
  if (!persistent) await host.files.remove(image);
  const found = await host.files.stat(image);
  if (found !== undefined && found.type !== 'file')
    throw new MosError('invalid', `cannot use the volume ${label}: ${image} is no file`);
  if (found === undefined) await makeVolumeImage(host, image, bytes);
  else if (found.size < bytes) await growVolumeImage(host, image, found.size, bytes);
}

async function mountImage(host: Host, { image, mount }: VolumePlace, label: VolumeLabel): Promise<void> {
  const bytes = (await host.files.stat(image))?.size ?? 0;
  await using loop = await host.devices.loopAttach(image, { autoclear: true });
  // Smaller than its file also after a crash between the two.
  await mountFileSystem(host, { source: loop.device, target: mount, label, where: image, bytes });
}

type FileSystem = {
  readonly source: string;
  readonly target: string;
  readonly label: VolumeLabel;
  /** What a person knows it by. */
  readonly where: string;
  /** How large it is to be at least. */
  readonly bytes: number;
};

async function mountFileSystem(host: Host, volume: FileSystem): Promise<void> {
  const { source, target, bytes } = volume;
  const content = await readContent(host, source);
  await host.files.makeFolder(target, { parents: true, mode: 0o700 });
  await mountSound(host, volume);
  if (content.kind === 'ext4' && content.bytes < bytes)
    await growMounted(host, source, bytes, {
      unmount: () => host.mounts.unmount(target),
      mount: () => mountSound(host, volume),
    });
}

async function mountSound(host: Host, { source, target, label, where }: FileSystem): Promise<void> {
  try {
    await host.mounts.mount({ fstype: 'ext4', source, target, flags: ['nodev', 'nosuid'], isPrivate: true });
  } catch (cause) {
    throw new MosError('corrupt', `cannot mount the volume ${label}: ${where} has no sound file system`, {
      hint: `check it with fsck.ext4, or give it up: mosctl volume purge ${label}`,
      cause,
    });
  }
}

/** A new volume belongs to whom the image says; what is there stays as it is. */
async function makeRoot(host: Host, { data }: VolumePlace, { uid, gid, mode }: VolumeRoot): Promise<void> {
  if ((await host.files.stat(data)) !== undefined) return;
  const unfinished = `${data}.new`;
  await host.files.removeTree(unfinished);
  await host.files.makeFolder(unfinished, { mode: 0o700 });
  await host.files.setOwner(unfinished, uid, gid);
  await host.files.setMode(unfinished, mode);
  await host.files.rename(unfinished, data);
}

/** Unmounts what no service has any more. The caller holds the lock of the services. */
export async function closeVolumes(
  host: Host,
  paths: MachinePaths,
  inUse: ReadonlySet<string>,
): Promise<void> {
  const folder = mountsFolder(paths);
  if ((await host.files.stat(folder)) === undefined) return;
  for (const label of await host.files.list(folder)) {
    if (inUse.has(label)) continue;
    // Idmapped mounts stand on one another.
    const below = (await host.mounts.table()).filter(({ target }) =>
      target.startsWith(`${folder}/${label}/`),
    );
    for (const { target } of below.toReversed()) await host.mounts.unmount(target);
    await host.files.removeTree(`${folder}/${label}`);
  }
}
