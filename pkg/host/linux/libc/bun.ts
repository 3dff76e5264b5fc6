import type { Argument, Libc } from './index.ts';

/** syscall(2) by bun:ffi; errno is read through __errno_location right after the call. */
export async function open(): Promise<Libc> {
  const { dlopen, ptr, read } = await import('bun:ffi');
  const { symbols } = dlopen('libc.so.6', {
    syscall: { args: ['i64', 'i64', 'i64', 'i64', 'i64', 'i64', 'i64'], returns: 'i64' },
    __errno_location: { args: [], returns: 'ptr' },
  });
  const toInteger = (argument: Argument | undefined, keep: Uint8Array[]): bigint => {
    if (argument === undefined || argument === null) return 0n;
    if (typeof argument === 'number' || typeof argument === 'bigint') return BigInt(argument);
    const memory = typeof argument === 'string' ? Buffer.from(`${argument}\0`) : argument;
    if (memory.length === 0) return 0n;
    keep.push(memory);
    return BigInt(ptr(memory));
  };
  return {
    call(number, ...args) {
      const keep: Uint8Array[] = [];
      const [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map((i) => toInteger(args[i], keep)) as [
        bigint,
        bigint,
        bigint,
        bigint,
        bigint,
        bigint,
      ];
      const value = symbols.syscall(BigInt(number), a, b, c, d, e, f);
      const location = symbols.__errno_location();
      const errno = value < 0n && location !== null ? read.i32(location, 0) : 0;
      return { value: Number(value), errno: keep.length >= 0 ? errno : 0 };
    },
  };
}
