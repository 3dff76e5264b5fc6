import { constants } from 'node:os';

/** Numbers of the system calls mos makes: asm/unistd_64.h for x86_64, asm-generic/unistd.h for aarch64. */
export const tables = {
  x64: {
    close: 3,
    ioctl: 16,
    socket: 41,
    sendto: 44,
    recvfrom: 45,
    bind: 49,
    setsockopt: 54,
    getsockopt: 55,
    flock: 73,
    chdir: 80,
    fchdir: 81,
    mount: 165,
    umount2: 166,
    lsetxattr: 189,
    lgetxattr: 192,
    llistxattr: 195,
    openat: 257,
    mknodat: 259,
    finit_module: 313,
    open_tree: 428,
    move_mount: 429,
    openat2: 437,
    mount_setattr: 442,
  },
  arm64: {
    close: 57,
    ioctl: 29,
    socket: 198,
    sendto: 206,
    recvfrom: 207,
    bind: 200,
    setsockopt: 208,
    getsockopt: 209,
    flock: 32,
    chdir: 49,
    fchdir: 50,
    mount: 40,
    umount2: 39,
    lsetxattr: 6,
    lgetxattr: 9,
    llistxattr: 12,
    openat: 56,
    mknodat: 33,
    finit_module: 273,
    open_tree: 428,
    move_mount: 429,
    openat2: 437,
    mount_setattr: 442,
  },
} as const;

export const syscalls = process.arch === 'arm64' ? tables.arm64 : tables.x64;

/** asm-generic/errno.h: those that Node doesn't name. */
const unnamed = { ENOTBLK: 15, EUCLEAN: 117 };

const names = new Map(
  Object.entries({ ...constants.errno, ...unnamed }).map(([name, number]) => [number, name]),
);

/** `ENOENT` for 2; a number nobody knows stays a number. */
export const errnoName = (errno: number): string => names.get(errno) ?? `errno ${errno}`;
