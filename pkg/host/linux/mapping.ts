import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { MosError } from '../../errors/index.ts';
import type { IdRange } from '../mounts.ts';
import { Descriptor, openFlags } from './descriptor.ts';
import { checked, errnoError, translated } from './errors.ts';
import { type Libc, libc } from './libc/index.ts';
import { errnoName, syscalls } from './syscalls.ts';

/** open_tree(2), mount_setattr(2), move_mount(2): linux/mount.h, linux/fcntl.h */
const cloneTree = 1;
const closeOnExec = 0o2000000;
const emptyPath = 0x1000;
const fromEmptyPath = 0x4;
const mapAttribute = 0x0010_0000n;
const atCurrentFolder = -100;
/** EINVAL: not for this file system; ENOSYS: not at all. */
const cannot = ['EINVAL', 'ENOSYS'];

/**
 * Puts over the mount at each target a copy of it whose files belong to other ids: what belongs to 0 belongs to
 * `range.start` there, and so on; what lies outside of the range belongs to nobody (Linux 5.12, idmapped mounts).
 * Returns those for whose file system the kernel can't.
 */
export async function mapMounts(targets: readonly string[], range: IdRange): Promise<string[]> {
  const calls = await libc();
  const namespace = await namespaceOf(calls, range);
  const attributes = Buffer.alloc(32); // struct mount_attr: set, clear, propagation, userns_fd
  attributes.writeBigUInt64LE(mapAttribute, 0);
  attributes.writeBigUInt64LE(BigInt(namespace.number), 24);
  return targets.filter((target) => !isMapped(calls, target, attributes));
}

/** False where the kernel can't for this file system. */
function isMapped(calls: Libc, target: string, attributes: Buffer): boolean {
  const tree = calls.call(syscalls.open_tree, atCurrentFolder, target, cloneTree | closeOnExec);
  using copy = new Descriptor(calls, checked(tree, 'copy the mount', target));
  const set = calls.call(syscalls.mount_setattr, copy.number, '', emptyPath, attributes, attributes.length);
  if (set.value < 0) {
    const errno = errnoName(set.errno);
    if (cannot.includes(errno)) return false;
    throw errnoError('map the ids of', target, errno);
  }
  const to = [atCurrentFolder, target, fromEmptyPath] as const;
  const moved = calls.call(syscalls.move_mount, copy.number, '', ...to);
  checked(moved, 'mount the mapped copy at', target);
  return true;
}

/** By its range. Each means the same for as long as we run, so it stays open: twenty services of one range need one. */
const namespaces = new Map<string, Promise<Descriptor>>();

function namespaceOf(calls: Libc, range: IdRange): Promise<Descriptor> {
  const key = `${range.start} ${range.count}`;
  const known = namespaces.get(key);
  if (known !== undefined) return known;
  const made = openUserNamespace(calls, range);
  namespaces.set(key, made);
  made.catch(() => namespaces.delete(key));
  return made;
}

/** Makes ready what `mapMounts` needs for this range; a failure is told by that. */
export async function prepareMap(range: IdRange): Promise<void> {
  await namespaceOf(await libc(), range).catch(() => {});
}

/**
 * A user namespace exists as long as a process or an open file holds it. This process has threads, so it can't make
 * one itself (user_namespaces(7)): `cat` does, and says by its echo that it is there.
 */
async function openUserNamespace(calls: Libc, { start, count }: IdRange): Promise<Descriptor> {
  const child = spawn('/usr/bin/unshare', ['--user', '--', '/bin/cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {},
  });
  try {
    child.stdin.on('error', () => {}); // the child is gone: told below
    child.stdin.write('\n');
    const said = await Promise.race([
      once(child.stdout, 'data').then(() => true),
      once(child, 'close').then(() => false),
    ]);
    if (!said) throw new MosError('unsupported', 'cannot map ids: no user namespace can be made here');
    for (const kind of ['uid_map', 'gid_map'])
      await translated('write', kind, () => writeFile(`/proc/${child.pid}/${kind}`, `0 ${start} ${count}\n`));
    return Descriptor.open(calls, `/proc/${child.pid}/ns/user`, openFlags.read);
  } finally {
    child.stdin.end();
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
      await once(child, 'close');
  }
}
