import { isMosError } from '../errors/index.ts';
import { folderOf, type Host, temporaryPath } from '../host/index.ts';
import { planMemory } from './plan.ts';

/** Room for what is written to one mount. */
export type Room = {
  readonly id: string;
  /** Where the file of it is made, for a moment. */
  readonly folder: string;
  readonly runtime: string;
  /** In bytes. */
  readonly size: number;
};

/**
 * Mounts a new file system that holds `size` and no more: ext4 in a file that has no name any more once it is mounted, so it
 * goes with its last user; a tmpfs where the kernel or the host can't. Returns whether it is in memory.
 */
export async function mountRoom(host: Host, room: Room, at: string): Promise<boolean> {
  await host.files.makeFolder(at);
  try {
    await mountFile(host, room, at);
    return false;
  } catch (error) {
    if (!isMosError(error, 'unsupported') && !isMosError(error, 'not-found')) throw error;
    await host.mounts.mount(planMemory(room.id, at, room.size));
    return true;
  }
}

async function mountFile(host: Host, { folder, runtime, size }: Room, at: string): Promise<void> {
  const blank = await blankFile(host, runtime, size);
  const file = `${folder}/room.img`;
  await host.files.makeFolder(folder, { parents: true, mode: 0o700 });
  try {
    await host.processes.run(['cp', '--sparse=always', blank, file]);
    await using loop = await host.devices.loopAttach(file, { autoclear: true });
    const flags = ['nodev', 'noatime'] as const;
    await host.mounts.mount({ fstype: 'ext4', source: loop.device, target: at, flags, options });
  } finally {
    await host.files.removeTree(folder);
  }
}

/** Nobody reads it after a crash: nothing has to be on the disk, and no table has to be zeroed that a hole of the file has. */
const options = ['noinit_itable', 'nobarrier', 'noauto_da_alloc'];

/**
 * An empty file system of this size, made once after each boot: a sparse copy of it is there sooner than a new one, which
 * mke2fs would sync.
 */
async function blankFile(host: Host, runtime: string, size: number): Promise<string> {
  const kibibytes = Math.floor(size / 1024);
  const file = `${runtime}/blank/${kibibytes}k.img`;
  if ((await host.files.stat(file)) !== undefined) return file;
  await host.files.makeFolder(folderOf(file), { parents: true, mode: 0o700 });
  const temporary = temporaryPath(file);
  try {
    const how = ['-t', 'ext4', '-q', '-m', '0', '-O', '^has_journal,^resize_inode'];
    const tables = 'nodiscard,lazy_itable_init=1,root_owner=0:0';
    await host.processes.run(['/sbin/mke2fs', ...how, '-E', tables, temporary, `${kibibytes}k`]);
    await host.files.rename(temporary, file);
  } finally {
    await host.files.remove(temporary);
  }
  return file;
}
