import { constants } from 'node:os';

/** Numbers of the system calls mos makes: asm/unistd_64.h and asm-generic/unistd.h. */
const tables = {
  x64: { flock: 73, mount: 165, umount2: 166, ioctl: 16, finit_module: 313 },
  arm64: { flock: 32, mount: 40, umount2: 39, ioctl: 29, finit_module: 273 },
} as const;

export const syscalls = process.arch === 'arm64' ? tables.arm64 : tables.x64;

const names = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** `ENOENT` for 2; a number nobody knows stays a number. */
export const errnoName = (errno: number): string => names.get(errno) ?? `errno ${errno}`;
