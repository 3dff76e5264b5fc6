import { readFile } from 'node:fs/promises';
import { MosError } from '../../errors/index.ts';
import { parseMountInfo } from '../mountinfo.ts';
import type { MountCall, MountFlag, Mounts } from '../mounts.ts';
import { Descriptor, openFlags } from './descriptor.ts';
import { checked, errnoError } from './errors.ts';
import { type Argument, type Libc, libc } from './libc/index.ts';
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
const privateFlag = 1 << 18;
const detachFlag = 2;
/** move_mount(2), linux/mount.h */
const beneathFlag = 0x200;
const currentFolder = -100;
/** mount(2) copies one page of options, its last byte is NUL. */
const longestOptions = 4095;

const bitsOf = (flags: readonly MountFlag[]): number =>
  flags.reduce((bits, flag) => bits | flagBits[flag], 0);

type What = readonly [verb: string, subject: string];

function call(calls: Libc, what: What, number: number, ...args: readonly Argument[]): void {
  checked(calls.call(number, ...args), ...what);
}

async function mount(m: MountCall): Promise<void> {
  const calls = await libc();
  const options = optionsOf(m);
  if (options.length > longestOptions)
    throw new MosError(
      'unsupported',
      `cannot mount ${m.fstype} at ${m.target}: its options have ${options.length} bytes, mount(2) takes ${longestOptions}`,
    );
  const attempt = () => calls.call(syscalls.mount, m.source, m.target, m.fstype, bitsOf(m.flags), options);
  const { value, errno } = m.base === undefined ? attempt() : within(calls, m.base, attempt);
  if (value < 0) throw mountError(m, errnoName(errno));
  if (m.isPrivate)
    call(calls, ['make private', m.target], syscalls.mount, null, m.target, null, privateFlag, null);
}

/** Runs a call with another working folder; nothing else runs meanwhile. */
function within<T>(calls: Libc, folder: string, run: () => T): T {
  using here = Descriptor.open(calls, '.', openFlags.folder);
  call(calls, ['enter', folder], syscalls.chdir, folder);
  try {
    return run();
  } finally {
    call(calls, ['return from', folder], syscalls.fchdir, here.number);
  }
}

function mountError(m: MountCall, errno: string): MosError {
  if (errno === 'ENODEV')
    return new MosError(
      'unsupported',
      `cannot mount ${m.source} at ${m.target}: this kernel knows no ${m.fstype}`,
      { hint: `load the module ${m.fstype}` },
    );
  return errnoError('mount', `${m.source} at ${m.target}`, errno);
}

/** Overlay options; a name may hold any byte: `\`, `,` and `:` are escaped as Documentation/filesystems/overlayfs.rst says. */
function optionsOf(m: MountCall): string {
  const overlay = [
    ...(m.lower === undefined ? [] : [`lowerdir=${m.lower.map(escaped).join(':')}`]),
    ...(m.upper === undefined ? [] : [`upperdir=${escaped(m.upper)}`]),
    ...(m.work === undefined ? [] : [`workdir=${escaped(m.work)}`]),
  ];
  return [...overlay, ...(m.options ?? [])].join(',');
}

const escaped = (path: string): string => path.replaceAll(/[\\,:]/g, (mark) => `\\${mark}`);

export const linuxMounts: Mounts = {
  table: async () => parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8')),
  mount,
  async unmount(target, { detach = false } = {}) {
    call(await libc(), ['unmount', target], syscalls.umount2, target, detach ? detachFlag : 0);
  },
  async bind(source, target, { recursive = false, flags = [] } = {}) {
    const calls = await libc();
    const what = ['bind', `${source} to ${target}`] as const;
    call(calls, what, syscalls.mount, source, target, null, bindFlag | (recursive ? recursiveFlag : 0), null);
    if (flags.length > 0)
      call(calls, what, syscalls.mount, null, target, null, remount | bindFlag | bitsOf(flags), null);
  },
  async move(from, to) {
    const what = ['move the mount', `${from} to ${to}`] as const;
    call(await libc(), what, syscalls.mount, from, to, null, moveFlag, null);
  },
  async replace(from, to) {
    const calls = await libc();
    const what = ['replace the mount', `${to} by ${from}`] as const;
    const beneath = calls.call(syscalls.move_mount, currentFolder, from, currentFolder, to, beneathFlag);
    call(calls, what, syscalls.umount2, to, detachFlag);
    if (beneath.value < 0) call(calls, what, syscalls.mount, from, to, null, moveFlag, null);
  },
  async mapIds(targets, range) {
    const { mapMounts } = await import('./mapping.ts');
    return mapMounts(targets, range);
  },
  async prepareIds(range) {
    const { prepareMap } = await import('./mapping.ts');
    await prepareMap(range);
  },
};
