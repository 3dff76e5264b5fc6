import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { parseMountInfo } from '../mountinfo.ts';
import type { MountCall, MountFlag, Mounts } from '../mounts.ts';
import { errnoError } from './errors.ts';
import { type Argument, libc } from './libc/index.ts';
import { errnoName, syscalls } from './syscalls.ts';

/** mount(2) flags, linux/mount.h */
const flagBits: Readonly<Record<MountFlag, number>> = {
  ro: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  noatime: 1024,
};
const remount = 32;
const bindFlag = 4096;
const moveFlag = 8192;
const recursiveFlag = 16384;
const detachFlag = 2;

const bitsOf = (flags: readonly MountFlag[]): number =>
  flags.reduce((bits, flag) => bits | flagBits[flag], 0);

async function call(
  what: readonly [verb: string, subject: string],
  number: number,
  ...args: readonly Argument[]
): Promise<void> {
  const { value, errno } = (await libc()).call(number, ...args);
  if (value < 0) throw errnoError(what[0], what[1], errnoName(errno), { errno, known: constants.errno });
}

export const linuxMounts: Mounts = {
  table: async () => parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8')),
  mount: (m) =>
    call(
      ['mount', `${m.source} at ${m.target}`],
      syscalls.mount,
      m.source,
      m.target,
      m.fstype,
      bitsOf(m.flags),
      optionsOf(m),
    ),
  unmount: (target, { detach = false } = {}) =>
    call(['unmount', target], syscalls.umount2, target, detach ? detachFlag : 0),
  async bind(source, target, { recursive = false, flags = [] } = {}) {
    const what = ['bind', `${source} to ${target}`] as const;
    await call(what, syscalls.mount, source, target, null, bindFlag | (recursive ? recursiveFlag : 0), null);
    if (flags.length > 0)
      await call(what, syscalls.mount, null, target, null, remount | bindFlag | bitsOf(flags), null);
  },
  move: (from, to) =>
    call(['move the mount', `${from} to ${to}`], syscalls.mount, from, to, null, moveFlag, null),
};

function optionsOf(call: MountCall): string {
  const overlay = [
    ...(call.lower === undefined ? [] : [`lowerdir=${call.lower.join(':')}`]),
    ...(call.upper === undefined ? [] : [`upperdir=${call.upper}`]),
    ...(call.work === undefined ? [] : [`workdir=${call.work}`]),
  ];
  return [...overlay, ...(call.options ?? [])].join(',');
}
