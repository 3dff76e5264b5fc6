import { Descriptor, openFlags } from './descriptor.ts';
import { checked, errnoError } from './errors.ts';
import { type Libc, libc } from './libc/index.ts';
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

let names: Buffer | undefined;
const terminated = (path: Buffer): Buffer => Buffer.concat([path, Buffer.from([0])]);

/** Gives a file all extended attributes of another one, links not followed. */
export function copyAttributes(calls: Libc, from: Buffer, to: Buffer): void {
  names ??= Buffer.alloc(largest);
  room ??= Buffer.alloc(largest);
  const [source, target] = [terminated(from), terminated(to)];
  const listed = calls.call(syscalls.llistxattr, source, names, largest);
  if (listed.value < 0 && !absent.includes(errnoName(listed.errno)))
    throw errnoError('list the attributes of', from.toString(), errnoName(listed.errno));
  for (let at = 0; at < listed.value; ) {
    const end = names.indexOf(0, at) + 1;
    const name = names.subarray(at, end);
    const read = calls.call(syscalls.lgetxattr, source, name, room, largest);
    const set = read.value < 0 ? read : calls.call(syscalls.lsetxattr, target, name, room, read.value, 0);
    checked(set, `copy the attribute ${name.toString()} of`, from.toString());
    at = end;
  }
}

/** linux/fs.h; their number names a long, the kernel reads and writes 32 bits. */
const getFlags = 0x80086601;
const setFlags = 0x40086602;
const immutable = 0x10;

export async function makeMutable(path: string): Promise<void> {
  const calls = await libc();
  using file = Descriptor.open(calls, path, openFlags.read);
  const flags = Buffer.alloc(8);
  checked(calls.call(syscalls.ioctl, file.number, getFlags, flags), 'read the flags of', path);
  flags.writeUInt32LE(flags.readUInt32LE() & ~immutable);
  checked(calls.call(syscalls.ioctl, file.number, setFlags, flags), 'make mutable', path);
}
