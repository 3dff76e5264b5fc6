import { MosError } from '../errors/index.ts';

/** What a boot entry of the firmware starts: a program on a partition. Numbers in sectors. */
export type LoadOption = {
  /** What the firmware's menu shows. */
  readonly description: string;
  readonly partition: {
    readonly number: number;
    readonly first: number;
    readonly sectors: number;
    /** The 16 bytes of its GUID as they are on disk. */
    readonly id: Uint8Array;
  };
  /** `\EFI\BOOT\BOOTX64.EFI` */
  readonly path: string;
};

const active = 1;
const hardDriveNode = 42;
const endNode = [0x7f, 0xff, 4, 0];

/** EFI_LOAD_OPTION (UEFI 2.10, 3.1.3) with a hard drive and a file path node (10.3.5.1, 10.3.5.4). */
export function renderLoadOption({ description, partition, path }: LoadOption): Uint8Array {
  const drive = Buffer.alloc(hardDriveNode);
  drive.set([4, 1, hardDriveNode, 0]);
  drive.writeUInt32LE(partition.number, 4);
  drive.writeBigUInt64LE(BigInt(partition.first), 8);
  drive.writeBigUInt64LE(BigInt(partition.sectors), 16);
  drive.set(partition.id, 24);
  drive.set([2, 2], 40); // a GUID partition table, known by the GUID
  const name = Buffer.from(`${path}\0`, 'utf16le');
  const file = Buffer.concat([Buffer.from([4, 4, 0, 0]), name]);
  file.writeUInt16LE(file.length, 2);
  const paths = Buffer.concat([drive, file, Buffer.from(endNode)]);
  const head = Buffer.alloc(6);
  head.writeUInt32LE(active, 0);
  head.writeUInt16LE(paths.length, 4);
  return Buffer.concat([head, Buffer.from(`${description}\0`, 'utf16le'), paths]);
}

/** Boot entries of the firmware by number, and the order in which it tries them. */
export type FirmwareEntries = {
  readonly options: ReadonlyMap<number, Uint8Array>;
  readonly order: readonly number[];
};

export type FirmwarePlan = {
  readonly create: readonly { readonly number: number; readonly option: Uint8Array }[];
  /** undefined where it stays. */
  readonly order: readonly number[] | undefined;
  /** When the order names them no longer. */
  readonly remove: readonly number[];
};

const highestNumber = 0xffff;

/**
 * Our options are there, and the firmware tries them first, in their order; entries of others stay, behind ours and as they
 * were among themselves. A boot file that the firmware refuses ends its entry, so there is one for each try and one more.
 * Those of a former install go: ours, but of a partition whose GUID is not in `partitions`; none where those are not known.
 */
export function planFirmware(
  { options, order }: FirmwareEntries,
  wanted: readonly Uint8Array[],
  partitions: readonly Uint8Array[] | undefined,
): FirmwarePlan {
  const taken = new Set([...options.keys(), ...order]);
  const create: { number: number; option: Uint8Array }[] = [];
  const numbers = wanted.map((option) => {
    const there = [...options].find(([, bytes]) => Buffer.compare(bytes, option) === 0)?.[0];
    if (there !== undefined) return there;
    const number = freeNumber(taken);
    taken.add(number);
    create.push({ number, option });
    return number;
  });
  const isThere = (id: Uint8Array) =>
    partitions === undefined || partitions.some((one) => Buffer.compare(one, id) === 0);
  const remove = [...options].flatMap(([number, option]) => {
    const id = wanted.map((one) => partitionOf(option, one)).find((found) => found !== undefined);
    return id === undefined || isThere(id) ? [] : [number];
  });
  const newOrder = [...numbers, ...order.filter((number) => ![...numbers, ...remove].includes(number))];
  return { create, order: newOrder.join() === order.join() ? undefined : newOrder, remove };
}

/** The GUID of the partition of an option that is like `ours` but for the partition; undefined of any other. */
function partitionOf(option: Uint8Array, ours: Uint8Array): Uint8Array | undefined {
  const [found, expected] = [Buffer.from(option), Buffer.from(ours)];
  if (found.length !== expected.length) return undefined;
  const drive = expected.length - expected.readUInt16LE(4); // the device path is the last, and begins with it
  const [from, id, to] = [drive + 4, drive + 24, drive + 40]; // number, first sector, length; GUID
  expected.copy(found, from, from, to);
  return found.equals(expected) ? option.subarray(id, to) : undefined;
}

function freeNumber(taken: ReadonlySet<number>): number {
  for (let number = 0; number <= highestNumber; number++) if (!taken.has(number)) return number;
  throw new MosError('no-space', 'cannot add a boot entry to the firmware: every number is taken');
}
