import { constants } from 'node:fs';
import { checked, errnoError } from './errors.ts';
import type { Libc } from './libc/index.ts';
import { errnoName, syscalls } from './syscalls.ts';

/** linux/fcntl.h; Node names neither. */
const closeOnExec = 0o2000000;
const pathOnly = 0o10000000;
const atCurrentFolder = -100;

const { O_RDONLY, O_RDWR, O_DIRECTORY } = constants;
export const openFlags = {
  read: O_RDONLY | closeOnExec,
  write: O_RDWR | closeOnExec,
  folder: O_RDONLY | O_DIRECTORY | pathOnly | closeOnExec,
  path: pathOnly | closeOnExec,
} as const;

/** An open file by its number, for system calls that Node has no function for. Closed by `using`. */
export class Descriptor implements Disposable {
  readonly number: number;
  readonly #calls: Libc;
  #isOpen = true;

  constructor(calls: Libc, number: number) {
    this.#calls = calls;
    this.number = number;
  }

  static open(calls: Libc, path: string, flags: number): Descriptor {
    const opened = calls.call(syscalls.openat, atCurrentFolder, path, flags, 0);
    return new Descriptor(calls, checked(opened, 'open', path));
  }

  [Symbol.dispose](): void {
    if (this.#isOpen) this.#calls.call(syscalls.close, this.number);
    this.#isOpen = false;
  }
}

/** Makes a block device's node; one that is there already is no error. */
export function makeBlockNode(calls: Libc, path: string, major: number, minor: number): void {
  const mode = constants.S_IFBLK | 0o600;
  const { value, errno } = calls.call(
    syscalls.mknodat,
    atCurrentFolder,
    path,
    mode,
    deviceNumber(major, minor),
  );
  if (value < 0 && errnoName(errno) !== 'EEXIST')
    throw errnoError('make the device node', path, errnoName(errno));
}

/** linux/kdev_t.h, new_encode_dev: what stat(2) says and mknod(2) takes, in 32 bits. */
const deviceNumber = (major: number, minor: number): number =>
  (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);

export const majorOf = (number: number): number => (number & 0xfff00) >> 8;
export const minorOf = (number: number): number => (number & 0xff) | ((number >> 12) & 0xfff00);
export const renderDevice = (number: number): string => `${majorOf(number)}:${minorOf(number)}`;
