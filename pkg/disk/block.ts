import { isMosError, messageOf } from '../errors/index.ts';
import { type Host, readText } from '../host/index.ts';
import { frontSectors, type PartitionTable, parseGpt, sectorSize } from './gpt.ts';

/** A whole disk. `nodes` are the device nodes of its partitions by number. Without a table `problem` says why, if anything is wrong. */
export type Disk = {
  readonly name: string;
  readonly table?: PartitionTable;
  readonly nodes: ReadonlyMap<number, string>;
  readonly problem?: string;
};

const sysBlock = '/sys/block';
/** Block devices that are never a disk of their own. */
const virtual = /^(loop|ram|dm-|zram|md|sr|fd)/;

/** The disks the kernel knows, by name, with what stands in their partition tables. */
export async function readDisks(host: Host): Promise<Disk[]> {
  const names = (await host.files.list(sysBlock)).filter((name) => !virtual.test(name));
  return Promise.all(names.map((name) => readDisk(host, name)));
}

/** The disk that a partition is on, by the number of the partition (`8:3`); undefined where that is none. */
export async function readDiskOf(host: Host, number: string): Promise<Disk | undefined> {
  const entry = `/sys/dev/block/${number}`;
  if ((await host.files.stat(entry)) === undefined) return undefined;
  const path = await host.files.realPath(entry);
  if ((await host.files.stat(`${path}/partition`)) === undefined) return undefined;
  return readDisk(host, path.split('/').at(-2) ?? '');
}

async function readDisk(host: Host, name: string): Promise<Disk> {
  const nodes = await partitionNodes(host, name);
  try {
    const table = await readTable(host, `/dev/${name}`);
    return table ? { name, nodes, table } : { name, nodes };
  } catch (error) {
    return { name, nodes, problem: messageOf(error) }; // a broken stick must not stop the boot from another disk
  }
}

/** undefined where a disk has none; a damaged one is an error. */
export const readTable = async (host: Host, node: string): Promise<PartitionTable | undefined> =>
  parseGpt(await readFront(host, node), node);

async function readFront(host: Host, device: string): Promise<Uint8Array> {
  const front = new Uint8Array(frontSectors * sectorSize);
  await using file = await host.files.open(device);
  await file.read(front, 0);
  return front;
}

/** The kernel's own words for the partitions: nvme0n1p1, vda1. */
export async function partitionNodes(host: Host, disk: string): Promise<Map<number, string>> {
  const nodes = new Map<number, string>();
  for (const name of await host.files.list(`${sysBlock}/${disk}`)) {
    const number = await readNumber(host, `${sysBlock}/${disk}/${name}/partition`);
    if (number !== undefined) nodes.set(number, `/dev/${name}`);
  }
  return nodes;
}

async function readNumber(host: Host, path: string): Promise<number | undefined> {
  try {
    return Number(await readText(host, path));
  } catch (error) {
    if (isMosError(error)) return undefined; // an entry of sysfs that is no partition
    throw error;
  }
}
