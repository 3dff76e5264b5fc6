import type { Argument, Libc } from './index.ts';

/** syscall(2) by koffi, for Node: development and unit tests. Never part of the executable. */
export async function open(): Promise<Libc> {
  const { default: koffi } = await import('koffi');
  const library = koffi.load('libc.so.6');
  const call = library.func('long syscall(long, ...)');
  return {
    call(number, ...args) {
      const typed: unknown[] = [];
      for (let i = 0; i < 6; i++) typed.push(...typedArgument(args[i]));
      const value = Number(call(number, ...typed));
      return { value, errno: value < 0 ? koffi.errno() : 0 };
    },
  };
}

function typedArgument(argument: Argument | undefined): [string, unknown] {
  if (argument === undefined || argument === null) return ['long', 0];
  if (typeof argument === 'number' || typeof argument === 'bigint') return ['long', argument];
  return ['void *', typeof argument === 'string' ? Buffer.from(`${argument}\0`) : argument];
}
