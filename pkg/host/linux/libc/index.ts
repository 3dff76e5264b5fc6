/** An argument of a system call: an integer, memory, or a C string. */
export type Argument = number | bigint | Uint8Array | string | null;

export type Outcome = { readonly value: number; readonly errno: number };

/** syscall(2): the only foreign function mos calls. Memory passed in must not be kept by the kernel. */
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
