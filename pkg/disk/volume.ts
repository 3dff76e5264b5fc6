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
    await host.processes.run(['/sbin/mke2fs', ...how, temporary, `${Math.floor(bytes / 1024)}k`]);
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

/** Lets a mounted ext4 fill its device. */
export async function growFileSystem(host: Host, device: string): Promise<void> {
  await host.processes.run(['/sbin/resize2fs', device]);
}

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
