import { fstatSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import type { FileStat } from '../files.ts';
import { Descriptor, openFlags } from './descriptor.ts';
import { errnoError } from './errors.ts';
import { toFileStat } from './file-stat.ts';
import { libc } from './libc/index.ts';
import { errnoName, syscalls } from './syscalls.ts';

/** linux/openat2.h: struct open_how {u64 flags, mode, resolve}. */
const howSize = 24;
const resolveNoMagicLinks = 0x02;
const resolveInRoot = 0x10;
/** openat2(2), EAGAIN: with a ".." the kernel gives up when anything anywhere is renamed or mounted meanwhile. */
const tries = 1000;

export async function pathBelow(root: string, path: string): Promise<string> {
  const found = await openBelow(root, path);
  if (typeof found === 'string') throw errnoError('find', `${path} below ${root}`, found);
  using held = found;
  return readlinkSync(`/proc/self/fd/${held.number}`);
}

export async function statBelow(root: string, path: string): Promise<FileStat | undefined> {
  const found = await openBelow(root, path);
  if (typeof found === 'string') {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(found)) return undefined;
    throw errnoError('look at', `${path} below ${root}`, found);
  }
  using held = found;
  return toFileStat(fstatSync(held.number));
}

/** The name of the error where it can't be opened. */
async function openBelow(root: string, path: string): Promise<Descriptor | string> {
  const calls = await libc();
  using at = Descriptor.open(calls, root, openFlags.folder);
  const how = Buffer.alloc(howSize);
  how.writeBigUInt64LE(BigInt(openFlags.path), 0);
  how.writeBigUInt64LE(BigInt(resolveNoMagicLinks | resolveInRoot), 16);
  for (let left = tries; ; left--) {
    const { value, errno } = calls.call(syscalls.openat2, at.number, path, how, howSize);
    if (value >= 0) return new Descriptor(calls, value);
    if (errno !== constants.errno.EAGAIN || left === 1) return errnoName(errno);
  }
}
