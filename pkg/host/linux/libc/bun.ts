import type { Argument, Libc } from './index.ts';

/**
 * syscall(2) by bun:ffi. Three things keep errno honest: its address, which is that of this thread for its whole
 * life, is asked for once; the result comes as a number, so that nothing is allocated between the call and the look at
 * errno; and memory handed in is referred to afterwards, so that it can't be collected during the call.
 */
export async function open(): Promise<Libc> {
  const { dlopen, FFIType, ptr, read } = await import('bun:ffi');
  const { symbols } = dlopen('libc.so.6', {
    syscall: { args: ['i64', 'i64', 'i64', 'i64', 'i64', 'i64', 'i64'], returns: FFIType.i64_fast },
    __errno_location: { args: [], returns: 'ptr' },
  });
  const errnoAt = symbols.__errno_location();
  if (errnoAt === null) throw new Error('the C library has no errno');

  const toInteger = (argument: Argument | undefined, keep: Uint8Array[]): number | bigint => {
    if (argument === undefined || argument === null) return 0;
    if (typeof argument === 'number' || typeof argument === 'bigint') return argument;
    const memory = typeof argument === 'string' ? Buffer.from(`${argument}\0`) : argument;
    if (memory.length === 0) return 0;
    keep.push(memory);
    return ptr(memory);
  };

  return {
    call(number, ...args) {
      const keep: Uint8Array[] = [];
      const [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map((i) => toInteger(args[i], keep));
      const value = symbols.syscall(number, a ?? 0, b ?? 0, c ?? 0, d ?? 0, e ?? 0, f ?? 0);
      const errno = value < 0 ? read.i32(errnoAt, 0) : 0;
      return { value: Number(value), errno: keep.length >= 0 ? errno : 0 };
    },
  };
}
