import { Descriptor } from './descriptor.ts';
import { errnoError } from './errors.ts';
import { libc } from './libc/index.ts';
import { errnoName, syscalls } from './syscalls.ts';

/** linux/socket.h, linux/net.h */
const unix = 1;
const datagram = 2;
const closeOnExec = 0o2000000;
/** asm-generic/socket.h */
const solSocket = 1;
const soNetnsCookie = 71;
const what = 'which network namespace this is';

/** Asked of a socket, which belongs to the namespace that it was made in. */
export async function networkCookie(): Promise<string | undefined> {
  const calls = await libc();
  const made = calls.call(syscalls.socket, unix, datagram | closeOnExec, 0);
  if (made.value < 0) throw errnoError('ask', what, errnoName(made.errno));
  using socket = new Descriptor(calls, made.value);
  const cookie = Buffer.alloc(8);
  const length = Buffer.from(new Uint32Array([cookie.length]).buffer);
  const { value, errno } = calls.call(
    syscalls.getsockopt,
    socket.number,
    solSocket,
    soNetnsCookie,
    cookie,
    length,
  );
  if (value === 0) return String(cookie.readBigUInt64LE());
  if (errnoName(errno) === 'ENOPROTOOPT') return undefined;
  throw errnoError('ask', what, errnoName(errno));
}
