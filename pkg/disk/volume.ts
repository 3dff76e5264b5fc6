import { MosError } from '../errors/index.ts';
import { folderOf, type Host, temporaryPath } from '../host/index.ts';

/**
 * Makes the file system of a volume: a sparse file with ext4 in it. The name is there only when all of it is; a file of
 * that name is never touched.
 */
export async function makeVolumeImage(host: Host, file: string, bytes: number): Promise<void> {
  await requireSpace(host, file, bytes);
  const temporary = temporaryPath(file);
  try {
    // `nodiscard`: the file is new. `-m 0`: no part of it is kept for the host's root.
    const how = ['-t', 'ext4', '-q', '-m', '0', '-E', 'nodiscard'];
    await host.processes.run(['/sbin/mke2fs', ...how, temporary, kibibytes(bytes)]);
    await syncFile(host, temporary, bytes);
    // Unlike a rename this fails where somebody else was quicker.
    await host.files.link(temporary, file);
  } finally {
    await host.files.remove(temporary);
  }
  await host.files.syncFolder(folderOf(file));
}

/** Makes the file of a volume larger; its file system follows by `growFileSystem` when it is mounted. */
export async function growVolumeImage(host: Host, file: string, from: number, bytes: number): Promise<void> {
  await requireSpace(host, file, bytes - from);
  await syncFile(host, file, bytes);
}

/**
 * Makes a mounted ext4 so large. The kernel does it in its journal, but only for who has CAP_SYS_RESOURCE, which root of a
 * container or a laboratory machine may lack: then it is unmounted, checked, made larger and mounted again.
 */
export async function growMounted(
  host: Host,
  device: string,
  bytes: number,
  { mount, unmount }: { mount(): Promise<void>; unmount(): Promise<void> },
): Promise<void> {
  const resize = () => host.processes.run(['/sbin/resize2fs', device, kibibytes(bytes)]);
  try {
    await resize();
  } catch {
    await unmount();
    await host.processes.run(['/sbin/e2fsck', '-f', '-p', device], { accept: [corrected] });
    await resize();
    await mount();
  }
}
/** e2fsck(8), EXIT CODE */
const corrected = 1;

/** Makes ext4 on a partition that was looked at and is blank: mke2fs writes its superblock last. */
export async function makePartitionFileSystem(host: Host, device: string, bytes: number): Promise<void> {
  await host.processes.run(['/sbin/mke2fs', '-t', 'ext4', '-q', '-m', '0', device, kibibytes(bytes)]);
}

/** What is at the front of a partition is zero afterwards: it is blank. One that is mounted anywhere is `busy`. */
export async function erasePartition(host: Host, device: string): Promise<void> {
  const mounted = (await host.mounts.table()).find(({ source }) => source === device);
  if (mounted !== undefined)
    throw new MosError('busy', `cannot erase ${device}: it is mounted at ${mounted.target}`);
  const how = ['--force', '--zeroout', '--length', String(1024 * 1024)];
  await host.processes.run(['/sbin/blkdiscard', ...how, device]);
}

const kibibytes = (bytes: number): string => `${Math.floor(bytes / 1024)}k`;

async function syncFile(host: Host, file: string, bytes: number): Promise<void> {
  await using open = await host.files.resume(file, bytes);
  await open.sync();
}

async function requireSpace(host: Host, file: string, bytes: number): Promise<void> {
  const { free } = await host.files.space(folderOf(file));
  if (free >= bytes) return;
  throw new MosError(
    'no-space',
    `cannot make room for the volume ${file}: it takes ${bytes} bytes, ${free} are free`,
    { hint: 'free some, mosctl gc does, or sign a smaller size' },
  );
}
