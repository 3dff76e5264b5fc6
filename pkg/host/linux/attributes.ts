import { errnoError } from './errors.ts';
import { libc } from './libc/index.ts';
import { errnoName, syscalls } from './syscalls.ts';

/** XATTR_SIZE_MAX of linux/limits.h */
const largest = 65_536;
/** ENODATA: none of that name; EOPNOTSUPP: the file system has none at all. */
const absent = ['ENODATA', 'EOPNOTSUPP'];
let room: Buffer | undefined;

export async function extendedAttribute(path: string, name: string): Promise<Uint8Array | undefined> {
  const calls = await libc();
  room ??= Buffer.alloc(largest);
  const { value, errno } = calls.call(syscalls.lgetxattr, path, name, room, largest);
  if (value >= 0) return Uint8Array.from(room.subarray(0, value));
  if (absent.includes(errnoName(errno))) return undefined;
  throw errnoError(`read the attribute ${name} of`, path, errnoName(errno));
}
