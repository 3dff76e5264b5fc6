import { open, readdir, readFile } from 'node:fs/promises';
import { MosError } from '../../errors/index.ts';
import type { Devices, LoopDevice, LoopOptions } from '../devices.ts';
import { errnoError, translated } from './errors.ts';
import { libc } from './libc/index.ts';
import { errnoName, syscalls } from './syscalls.ts';

/** linux/loop.h */
const loopCtlGetFree = 0x4c82;
const loopConfigure = 0x4c0a;
const loopClear = 0x4c01;
const flagReadOnly = 1;
const flagAutoclear = 4;

async function ioctl(
  path: string,
  flags: 'r' | 'r+',
  request: number,
  argument: number | Uint8Array,
): Promise<{ value: number; errno: number }> {
  const calls = await libc();
  const file = await translated('open', path, () => open(path, flags));
  try {
    return calls.call(syscalls.ioctl, file.fd, request, argument);
  } finally {
    await file.close();
  }
}

/** struct loop_config: u32 fd, u32 block_size, struct loop_info64 (232 bytes), 64 reserved bytes. */
function loopConfig(fd: number, file: string, options: LoopOptions): Uint8Array {
  const bytes = Buffer.alloc(4 + 4 + 232 + 64);
  bytes.writeUInt32LE(fd, 0);
  const info = 8;
  bytes.writeBigUInt64LE(BigInt(options.offset ?? 0), info + 24);
  bytes.writeBigUInt64LE(BigInt(options.sizeLimit ?? 0), info + 32);
  bytes.writeUInt32LE(
    (options.readOnly ? flagReadOnly : 0) | (options.autoclear ? flagAutoclear : 0),
    info + 52,
  );
  Buffer.from(file).copy(bytes, info + 56, 0, 63);
  return bytes;
}

async function loopAttach(file: string, options: LoopOptions = {}): Promise<string> {
  const backing = await translated('open', file, () => open(file, options.readOnly ? 'r' : 'r+'));
  try {
    for (let attempt = 0; attempt < 64; attempt++) {
      const free = await ioctl('/dev/loop-control', 'r+', loopCtlGetFree, 0);
      if (free.value < 0) throw errnoError('find a free loop device for', file, errnoName(free.errno));
      const device = `/dev/loop${free.value}`;
      const { value, errno } = await ioctl(
        device,
        options.readOnly ? 'r' : 'r+',
        loopConfigure,
        loopConfig(backing.fd, file, options),
      );
      if (value >= 0) return device;
      if (errnoName(errno) !== 'EBUSY') throw errnoError('attach a loop device to', file, errnoName(errno));
    }
    throw new MosError('busy', `cannot attach a loop device to ${file}: others took each free one`);
  } finally {
    await backing.close();
  }
}

async function loops(): Promise<LoopDevice[]> {
  const names = (await readdir('/sys/block')).filter((name) => name.startsWith('loop'));
  const found = await Promise.all(names.map(readLoop));
  return found.filter((loop) => loop !== undefined);
}

async function readLoop(name: string): Promise<LoopDevice | undefined> {
  const value = async (key: string) => (await readFile(`/sys/block/${name}/loop/${key}`, 'utf8')).trim();
  try {
    return {
      device: `/dev/${name}`,
      file: await value('backing_file'),
      offset: Number(await value('offset')),
      sizeLimit: Number(await value('sizelimit')),
      readOnly: (await readFile(`/sys/block/${name}/ro`, 'utf8')).trim() === '1',
      autoclear: (await value('autoclear')) === '1',
    };
  } catch {
    return undefined; // no loop/ folder: the device is free, or was freed just now
  }
}

async function loopDetach(device: string): Promise<void> {
  const { value, errno } = await ioctl(device, 'r', loopClear, 0);
  if (value < 0 && errnoName(errno) !== 'ENXIO') throw errnoError('detach', device, errnoName(errno));
}

const notYet = (): never => {
  throw new MosError('unsupported', 'cannot use device-mapper: this kernel has none');
};

export const linuxDevices: Devices = {
  loops,
  loopAttach,
  loopDetach,
  hasDeviceMapper: async () => false,
  dmList: notYet,
  dmTable: notYet,
  dmCreate: notYet,
  dmRemove: notYet,
  loadModule: notYet,
};
