import type { DmDevice, DmTarget } from '../devices.ts';
import { renderDevice } from './descriptor.ts';

/** linux/dm-ioctl.h, interface 4: one buffer goes in and comes back, a struct dm_ioctl with data behind it. */
export const commands = {
  list: 2,
  create: 3,
  remove: 4,
  suspend: 6,
  status: 7,
  load: 9,
  table: 12,
} as const;
export type Command = keyof typeof commands;

export const flags = {
  readOnly: 1 << 0,
  statusTable: 1 << 4,
  activePresent: 1 << 5,
  bufferFull: 1 << 8,
  deferredRemove: 1 << 17,
} as const;

const header = 312;
const nameSize = 128;
const uuidSize = 129;
const at = {
  dataSize: 12,
  dataStart: 16,
  targetCount: 20,
  openCount: 24,
  flags: 28,
  device: 40,
  name: 48,
  uuid: 48 + nameSize,
} as const;
/** struct dm_target_spec: u64 start, u64 length, i32 status, u32 next, char type[16]; the parameters follow. */
const specSize = 40;
const typeSize = 16;
const smallest = 4096;
/** Where the name stands in a struct dm_name_list. */
const namesAt = 12;

/** _IOWR(0xfd, command, struct dm_ioctl) */
export const requestOf = (command: Command): number => 0xc138fd00 + commands[command];

export type Request = {
  readonly name?: string;
  readonly uuid?: string;
  readonly flags?: number;
  readonly table?: readonly DmTarget[];
};

export type Reply = {
  readonly flags: number;
  readonly targetCount: number;
  readonly openCount: number;
  /** As stat(2) says it, 32 bits. */
  readonly device: number;
  readonly data: Buffer;
};

export function renderRequest(request: Request, size: number = smallest): Buffer {
  const table = Buffer.concat((request.table ?? []).map(renderTarget));
  const bytes = Buffer.alloc(Math.max(size, header + table.length));
  bytes.writeUInt32LE(4, 0);
  bytes.writeUInt32LE(bytes.length, at.dataSize);
  bytes.writeUInt32LE(header, at.dataStart);
  bytes.writeUInt32LE(request.table?.length ?? 0, at.targetCount);
  bytes.writeUInt32LE(request.flags ?? 0, at.flags);
  writeText(bytes, request.name ?? '', at.name, nameSize);
  writeText(bytes, request.uuid ?? '', at.uuid, uuidSize);
  table.copy(bytes, header);
  return bytes;
}

/** Each target starts at a multiple of 8 bytes; `next` counts from its own start. */
function renderTarget(target: DmTarget): Buffer {
  const length = Math.ceil((specSize + Buffer.byteLength(target.parameters) + 1) / 8) * 8;
  const bytes = Buffer.alloc(length);
  bytes.writeBigUInt64LE(BigInt(target.start), 0);
  bytes.writeBigUInt64LE(BigInt(target.length), 8);
  bytes.writeUInt32LE(length, 20);
  writeText(bytes, target.type, 24, typeSize);
  bytes.write(target.parameters, specSize);
  return bytes;
}

function writeText(bytes: Buffer, text: string, offset: number, room: number): void {
  if (Buffer.byteLength(text) >= room || text.includes('\0'))
    throw new RangeError(`${JSON.stringify(text)} does not fit into ${room - 1} bytes`);
  bytes.write(text, offset);
}

export const parseReply = (bytes: Buffer): Reply => ({
  flags: bytes.readUInt32LE(at.flags),
  targetCount: bytes.readUInt32LE(at.targetCount),
  openCount: bytes.readInt32LE(at.openCount),
  device: Number(bytes.readBigUInt64LE(at.device)),
  data: bytes.subarray(bytes.readUInt32LE(at.dataStart), bytes.readUInt32LE(at.dataSize)),
});

/** In a reply `next` counts from the start of the data. */
export function parseTargets(reply: Reply): DmTarget[] {
  const targets: DmTarget[] = [];
  for (let offset = 0; targets.length < reply.targetCount; offset = reply.data.readUInt32LE(offset + 20))
    targets.push({
      start: Number(reply.data.readBigUInt64LE(offset)),
      length: Number(reply.data.readBigUInt64LE(offset + 8)),
      type: textAt(reply.data, offset + 24, typeSize),
      parameters: textAt(reply.data, offset + specSize),
    });
  return targets;
}

/** struct dm_name_list: u64 dev, u32 next from its own start (0: the last), name. Nothing at all where none is. */
export function parseNames(reply: Reply): DmDevice[] {
  const devices: DmDevice[] = [];
  for (let offset = 0; offset + namesAt < reply.data.length; ) {
    const number = Number(reply.data.readBigUInt64LE(offset));
    if (number === 0) break;
    devices.push({ name: textAt(reply.data, offset + namesAt), number: renderDevice(number) });
    const next = reply.data.readUInt32LE(offset + 8);
    if (next === 0) break;
    offset += next;
  }
  return devices;
}

function textAt(bytes: Buffer, offset: number, room: number = bytes.length - offset): string {
  const end = bytes.indexOf(0, offset);
  return bytes.toString('utf8', offset, end < 0 ? offset + room : Math.min(end, offset + room));
}
