/** An argument of a system call: an integer, memory, or a C string. */
export type Argument = number | bigint | Uint8Array | string | null;

/** `errno` is 0 unless `value` is -1. */
export type Outcome = { readonly value: number; readonly errno: number };

/**
 * syscall(2): the only foreign function mos calls. A call blocks the thread and runs nothing else meanwhile, so a
 * few of them in a row without `await` happen together. Memory must not be kept by the kernel after the call.
 */
export interface Libc {
  call(number: number, ...args: readonly Argument[]): Outcome;
}

let loaded: Promise<Libc> | undefined;

/** `bun:ffi` in the executable, koffi under Node (DESIGN "Dependencies"). */
export function libc(): Promise<Libc> {
  loaded ??=
    process.versions.bun === undefined
      ? import('./koffi.ts').then((m) => m.open())
      : import('./bun.ts').then((m) => m.open());
  return loaded;
}
