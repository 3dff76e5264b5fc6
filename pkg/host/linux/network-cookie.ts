import { errnoError } from './errors.ts';
import { libc } from './libc/index.ts';
import { families, openSocket, readOption } from './socket.ts';
import { errnoName } from './syscalls.ts';

/** asm-generic/socket.h */
const soNetnsCookie = 71;
const what = 'which network namespace this is';

/** Asked of a socket, which belongs to the namespace that it was made in. */
export async function networkCookie(): Promise<string | undefined> {
  const calls = await libc();
  using socket = openSocket(calls, families.unix, ['ask', what]);
  const cookie = Buffer.alloc(8);
  const { value, errno } = readOption(calls, socket.number, soNetnsCookie, cookie);
  if (value === 0) return String(cookie.readBigUInt64LE());
  if (errnoName(errno) === 'ENOPROTOOPT') return undefined;
  throw errnoError('ask', what, errnoName(errno));
}
