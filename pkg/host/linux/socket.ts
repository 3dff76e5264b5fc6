import { Descriptor } from './descriptor.ts';
import { checked } from './errors.ts';
import type { Libc } from './libc/index.ts';
import { syscalls } from './syscalls.ts';

/** bits/socket.h */
export const families = { unix: 1, inet: 2 } as const;
/** bits/socket_type.h */
const datagram = 2;
const closeOnExec = 0o2000000;
export const nonBlocking = 0o4000;
/** asm-generic/socket.h, SOL_SOCKET */
const level = 1;

/** A datagram socket; `verb` and `subject` are for the message where there is none. */
export function openSocket(
  calls: Libc,
  family: number,
  [verb, subject]: readonly [string, string],
  more = 0,
): Descriptor {
  const made = calls.call(syscalls.socket, family, datagram | closeOnExec | more, 0);
  return new Descriptor(calls, checked(made, verb, subject));
}

export const setOption = (
  calls: Libc,
  socket: number,
  option: number,
  value: Uint8Array,
): ReturnType<Libc['call']> => calls.call(syscalls.setsockopt, socket, level, option, value, value.length);

/** Reads an option into `memory`; `length` is how much of that was filled. */
export function readOption(
  { call }: Pick<Libc, 'call'>,
  socket: number,
  option: number,
  memory: Uint8Array,
): ReturnType<Libc['call']> & { readonly length: number } {
  const length = new Uint32Array([memory.length]);
  const outcome = call(syscalls.getsockopt, socket, level, option, memory, new Uint8Array(length.buffer));
  return { ...outcome, length: length[0] ?? 0 };
}
