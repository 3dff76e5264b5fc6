import type { Upper } from '../../atomfs/index.ts';
import { MosError } from '../../errors/index.ts';
import { folderOf, type Host } from '../../host/index.ts';
import type { InstallTarget } from '../../manifest/index.ts';
import { uppersFolder } from '../mounting.ts';
import type { MachinePaths } from '../paths.ts';
import { ifThere } from './image-files.ts';

const mebibyte = 1024 * 1024;
/** What a service may write outside of its volumes, where its manifest does not say. MiB. */
export const usualDisk = 1024;
/** For the places in a read-only root file system where something is mounted. Bytes. */
const mountPointsRoom = 256 * 1024;

/** Where what a service writes to its root file system goes; all of it is gone with the container. */
export const upperOf = (paths: MachinePaths, { read_only, resources }: InstallTarget): Upper =>
  read_only
    ? { kind: 'memory', size: mountPointsRoom }
    : { kind: 'bounded', folder: uppersFolder(paths), size: (resources?.disk ?? usualDisk) * mebibyte };

/** Absolute in the container. */
export type MountPoints = { readonly folders: readonly string[]; readonly files: readonly string[] };

/** LXC makes what is missing where it can write. Here it belongs to the container's root too; links lead nowhere but into the image. */
export async function makeMountPoints(
  host: Host,
  rootfs: string,
  owner: number,
  { folders, files }: MountPoints,
): Promise<void> {
  for (const path of folders) await makeFolders(host, rootfs, owner, path);
  for (const path of files) {
    const folder = await makeFolders(host, rootfs, owner, folderOf(path));
    const file = `${folder}/${path.slice(path.lastIndexOf('/') + 1)}`;
    if ((await host.files.stat(file)) !== undefined) continue;
    await (await host.files.create(file))[Symbol.asyncDispose]();
    await host.files.setOwner(file, owner, owner);
  }
}

/** Makes what is missing of a folder in a root file system; returns where it is on the host. */
export async function makeFolders(host: Host, rootfs: string, owner: number, path: string): Promise<string> {
  let at = rootfs;
  for (const name of path.slice(1).split('/')) {
    const next = `${at}/${name}`;
    if ((await host.files.stat(next)) === undefined) {
      if ((await host.files.stat(at))?.type !== 'directory')
        throw new MosError('invalid', `cannot make ${path} in an image: a part of the path is no folder`);
      await host.files.makeFolder(next);
      await host.files.setOwner(next, owner, owner);
    }
    at = await host.files.pathBelow(rootfs, next.slice(rootfs.length + 1));
  }
  return at;
}

/** The same for a path of an image; undefined where something else is in the way, or a link that leads nowhere. */
export async function folderAt(
  host: Host,
  rootfs: string,
  owner: number,
  path: string,
): Promise<string | undefined> {
  const at = await ifThere(() => makeFolders(host, rootfs, owner, path));
  const isFolder = at !== undefined && (await host.files.stat(at))?.type === 'directory';
  return isFolder ? at : undefined;
}
