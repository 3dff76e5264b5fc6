import { readlinkSync } from 'node:fs';
import { Descriptor, openFlags } from './descriptor.ts';
import { errnoError } from './errors.ts';
import { libc } from './libc/index.ts';
import { errnoName, syscalls } from './syscalls.ts';

/** linux/openat2.h: struct open_how {u64 flags, mode, resolve}. */
const howSize = 24;
const resolveNoMagicLinks = 0x02;
const resolveInRoot = 0x10;

export async function pathBelow(root: string, path: string): Promise<string> {
  const calls = await libc();
  using at = Descriptor.open(calls, root, openFlags.folder);
  const how = Buffer.alloc(howSize);
  how.writeBigUInt64LE(BigInt(openFlags.path), 0);
  how.writeBigUInt64LE(BigInt(resolveNoMagicLinks | resolveInRoot), 16);
  const { value, errno } = calls.call(syscalls.openat2, at.number, path, how, howSize);
  if (value < 0) throw errnoError('find', `${path} below ${root}`, errnoName(errno));
  using found = new Descriptor(calls, value);
  return readlinkSync(`/proc/self/fd/${found.number}`);
}
