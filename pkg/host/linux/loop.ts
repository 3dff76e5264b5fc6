import { fstatSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { MosError } from '../../errors/index.ts';
import type { HeldDevice, LoopDevice, LoopOptions } from '../devices.ts';
import type { FileStat } from '../files.ts';
import { Descriptor, makeBlockNode, openFlags } from './descriptor.ts';
import { checked, errnoError } from './errors.ts';
import { type Libc, libc } from './libc/index.ts';
import { errnoName, syscalls } from './syscalls.ts';

/** linux/loop.h */
const loopCtlGetFree = 0x4c82;
const loopConfigure = 0x4c0a;
const loopClear = 0x4c01;
const loopGetStatus = 0x4c05;
const flagReadOnly = 1;
const flagAutoclear = 4;
/** struct loop_info64: u64 device, inode, rdevice, offset, sizelimit; u32 number, …, flags at 52; names from 56. */
const infoSize = 232;
const infoAt = { offset: 24, sizeLimit: 32, flags: 52, fileName: 56 } as const;
const fileNameSize = 64;
/** struct loop_config: u32 fd, u32 block_size, loop_info64, 64 reserved bytes. */
const configSize = 4 + 4 + infoSize + 64;

const loopMajor = 7;
const control = '/dev/loop-control';
const attempts = 64;
const inContainer =
  'in a container, pass /dev/loop-control and block devices 7:* through to it; or use erofs layers and Linux 6.12, which need no loop device with --integrity digest';

export async function loopAttach(file: string, options: LoopOptions = {}): Promise<HeldDevice> {
  const calls = await libc();
  using backing = Descriptor.open(calls, file, options.readOnly ? openFlags.read : openFlags.write);
  if (options.expected) refuseAnother(file, backing, options.expected);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const number = freeLoop(calls, file);
    const held = configure(calls, number, backing, file, options);
    if (held !== undefined) return held;
  }
  throw new MosError('busy', `cannot attach a loop device to ${file}: others took each free one`);
}

/** The open file must be the one that was checked: same inode, no write and no replacement since. */
function refuseAnother(file: string, backing: Descriptor, expected: FileStat): void {
  const found = fstatSync(backing.number);
  const isSame =
    found.dev === expected.device &&
    found.ino === expected.inode &&
    found.size === expected.size &&
    found.ctimeMs === expected.ctimeMs;
  if (!isSame) throw new MosError('corrupt', `cannot use ${file}: it was changed while it was checked`);
}

function freeLoop(calls: Libc, file: string): number {
  using descriptor = openControl(calls, file);
  const free = calls.call(syscalls.ioctl, descriptor.number, loopCtlGetFree, 0);
  return checked(free, 'find a free loop device for', file);
}

function openControl(calls: Libc, file: string): Descriptor {
  try {
    return Descriptor.open(calls, control, openFlags.write);
  } catch (cause) {
    throw new MosError('unsupported', `cannot attach a loop device to ${file}: no use of ${control}`, {
      cause,
      hint: inContainer,
    });
  }
}

/** undefined when somebody else took the device meanwhile. */
function configure(
  calls: Libc,
  number: number,
  backing: Descriptor,
  file: string,
  options: LoopOptions,
): HeldDevice | undefined {
  const device = `/dev/loop${number}`;
  const descriptor = openLoop(calls, device, number, file, options.readOnly === true);
  const config = loopConfig(backing.number, file, options);
  const { value, errno } = calls.call(syscalls.ioctl, descriptor.number, loopConfigure, config);
  if (value >= 0) return held(descriptor, device, number);
  descriptor[Symbol.dispose]();
  if (errnoName(errno) === 'EBUSY') return undefined;
  throw errnoError('attach a loop device to', file, errnoName(errno));
}

const held = (descriptor: Descriptor, device: string, number: number): HeldDevice => ({
  device,
  number: `${loopMajor}:${number}`,
  [Symbol.asyncDispose]: async () => descriptor[Symbol.dispose](),
});

function openLoop(calls: Libc, device: string, number: number, file: string, readOnly: boolean): Descriptor {
  const flags = readOnly ? openFlags.read : openFlags.write;
  try {
    return Descriptor.open(calls, device, flags);
  } catch (first) {
    if (!(first instanceof MosError) || first.code !== 'not-found') throw first;
    try {
      makeBlockNode(calls, device, loopMajor, number);
      return Descriptor.open(calls, device, flags);
    } catch (cause) {
      throw new MosError('unsupported', `cannot attach a loop device to ${file}: no use of ${device}`, {
        cause,
        hint: inContainer,
      });
    }
  }
}

function loopConfig(fd: number, file: string, options: LoopOptions): Uint8Array {
  const bytes = Buffer.alloc(configSize);
  bytes.writeUInt32LE(fd, 0);
  const info = bytes.subarray(8);
  info.writeBigUInt64LE(BigInt(options.offset ?? 0), infoAt.offset);
  info.writeBigUInt64LE(BigInt(options.sizeLimit ?? 0), infoAt.sizeLimit);
  info.writeUInt32LE(
    (options.readOnly ? flagReadOnly : 0) | (options.autoclear ? flagAutoclear : 0),
    infoAt.flags,
  );
  Buffer.from(file).copy(info, infoAt.fileName, 0, fileNameSize - 1);
  return bytes;
}

export async function loops(): Promise<LoopDevice[]> {
  const names = (await readdir('/sys/block')).filter((name) => name.startsWith('loop'));
  const found = await Promise.all(names.map(readLoop));
  return found.filter((loop) => loop !== undefined);
}

async function readLoop(name: string): Promise<LoopDevice | undefined> {
  const value = async (key: string) => (await readFile(`/sys/block/${name}/${key}`, 'utf8')).trimEnd();
  try {
    const file = await value('loop/backing_file');
    const [offset, sizeLimit, readOnly, autoclear] = await Promise.all(
      ['loop/offset', 'loop/sizelimit', 'ro', 'loop/autoclear'].map(value),
    );
    return {
      device: `/dev/${name}`,
      file,
      offset: Number(offset),
      sizeLimit: Number(sizeLimit),
      readOnly: readOnly === '1',
      autoclear: autoclear === '1',
    };
  } catch {
    return undefined; // no loop/ folder: the device is free, or was freed just now
  }
}

export async function loopDetach(device: string): Promise<void> {
  const calls = await libc();
  using descriptor = Descriptor.open(calls, device, openFlags.read);
  const { value, errno } = calls.call(syscalls.ioctl, descriptor.number, loopClear, 0);
  if (value < 0 && errnoName(errno) !== 'ENXIO') throw errnoError('detach', device, errnoName(errno));
}

export async function loopBacking(number: string): Promise<{ device: number; inode: number } | undefined> {
  const calls = await libc();
  const path = `/dev/loop${number.slice(number.indexOf(':') + 1)}`;
  if (!(await stat(path).catch(() => undefined))) return undefined;
  using descriptor = Descriptor.open(calls, path, openFlags.read);
  const info = Buffer.alloc(infoSize);
  const { value, errno } = calls.call(syscalls.ioctl, descriptor.number, loopGetStatus, info);
  if (value >= 0) return { device: Number(info.readBigUInt64LE(0)), inode: Number(info.readBigUInt64LE(8)) };
  if (errnoName(errno) === 'ENXIO') return undefined;
  throw errnoError('look at', path, errnoName(errno));
}
