import type { Host } from '../host/index.ts';
import { backSectors, type PartitionTable, renderGpt, sectorSize } from './gpt.ts';
import { partitionTypes } from './types.ts';

/**
 * How far an install has come: partitions and file systems are not all there, and nothing on the disk is anybody's; or they
 * are, and the machine is being installed on them.
 */
export type InstallProgress = 'partitioning' | 'installing';

/** In the gap between the table and the first partition, which begins at 1 MiB. One sector: it is there or it isn't. */
const markSector = 2040;
const marks: Readonly<Record<InstallProgress, Buffer>> = {
  partitioning: markOf('mos: an install is partitioning this disk\n'),
  installing: markOf('mos: an install has made these partitions, and goes on\n'),
};

function markOf(text: string): Buffer {
  const sector = Buffer.alloc(sectorSize);
  sector.write(text, 'latin1');
  return sector;
}

/** What may hold a file system's or LUKS2's headers is cleared, so that nothing old comes to light in a new partition. */
const clearedBytes = 8 * 1024 * 1024;

/** What an install that was stopped wrote last; undefined where none was, or it had ended. */
export async function readMark(host: Host, node: string): Promise<InstallProgress | undefined> {
  const found = Buffer.alloc(sectorSize);
  await using file = await host.files.open(node);
  await file.read(found, markSector * sectorSize);
  return (Object.keys(marks) as InstallProgress[]).find((one) => marks[one].equals(found));
}

/**
 * What the mark is worth: somebody may have made other use of the disk since. `content` as of a `DiskTarget`, `table` is
 * what its front has. Pure.
 */
export function progressOf(
  mark: InstallProgress | undefined,
  content: readonly string[],
  table: PartitionTable | undefined,
): InstallProgress | undefined {
  const isOurs = table !== undefined && hasOurPartitions(table);
  if (mark === 'installing') return isOurs ? mark : undefined;
  const isNobodys = content.every((type) => type === 'gpt' || type === 'PMBR') && (!table || isOurs);
  return isNobodys ? mark : undefined;
}

/** Just those that an install makes. */
export const hasOurPartitions = ({ partitions }: PartitionTable): boolean =>
  partitions
    .map(({ type }) => type)
    .sort()
    .join() === Object.values(partitionTypes).sort().join();

/**
 * Makes a disk ours: first the mark, last the two sectors by which a table is found, each synced before the next. From
 * the first write on until `markInstalling` the disk can be taken again without asking.
 */
export async function writeTable(
  host: Host,
  node: string,
  table: PartitionTable,
  sectors: number,
): Promise<void> {
  const { front, back } = renderGpt(table, sectors);
  const write = (sector: number, bytes: Uint8Array) => host.files.writeAt(node, sector * sectorSize, bytes);
  await write(markSector, marks.partitioning);
  await write(0, Buffer.alloc(2 * sectorSize));
  for (const { first, last } of table.partitions)
    await write(first, Buffer.alloc(Math.min(clearedBytes, (last + 1 - first) * sectorSize)));
  await write(2, front.subarray(2 * sectorSize));
  await write(sectors - backSectors, back);
  await write(1, front.subarray(sectorSize, 2 * sectorSize));
  await write(0, front.subarray(0, sectorSize));
}

/** The file systems are there. */
export const markInstalling = (host: Host, node: string): Promise<void> =>
  host.files.writeAt(node, markSector * sectorSize, marks.installing);

/** The machine is installed. */
export const clearMark = (host: Host, node: string): Promise<void> =>
  host.files.writeAt(node, markSector * sectorSize, Buffer.alloc(sectorSize));
