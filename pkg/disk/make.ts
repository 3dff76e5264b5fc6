import type { Host } from '../host/index.ts';
import { backSectors, type PartitionTable, renderGpt, sectorSize } from './gpt.ts';

/** In the gap between the table and the first partition, which begins at 1 MiB. One sector: it is there or it isn't. */
const markSector = 2040;
const mark = Buffer.alloc(sectorSize);
mark.write('mos: an install is partitioning this disk\n', 'latin1');

/** What may hold a file system's or LUKS2's headers is cleared, so that nothing old comes to light in a new partition. */
const clearedBytes = 8 * 1024 * 1024;

/** True where an install was stopped while it made partitions and file systems: nothing on the disk is anybody's. */
export async function isUnfinished(host: Host, node: string): Promise<boolean> {
  const found = new Uint8Array(sectorSize);
  await using file = await host.files.open(node);
  await file.read(found, markSector * sectorSize);
  return mark.equals(found);
}

/**
 * Makes a disk ours: first the mark, last the two sectors by which a table is found, each synced before the next. From
 * the first write on until `clearUnfinished` the disk can be taken again without asking.
 */
export async function writeTable(
  host: Host,
  node: string,
  table: PartitionTable,
  sectors: number,
): Promise<void> {
  const { front, back } = renderGpt(table, sectors);
  const write = (sector: number, bytes: Uint8Array) => host.files.writeAt(node, sector * sectorSize, bytes);
  await write(markSector, mark);
  await write(0, Buffer.alloc(2 * sectorSize));
  for (const { first, last } of table.partitions)
    await write(first, Buffer.alloc(Math.min(clearedBytes, (last + 1 - first) * sectorSize)));
  await write(2, front.subarray(2 * sectorSize));
  await write(sectors - backSectors, back);
  await write(1, front.subarray(sectorSize, 2 * sectorSize));
  await write(0, front.subarray(0, sectorSize));
}

/** The file systems are there. */
export const clearUnfinished = (host: Host, node: string): Promise<void> =>
  host.files.writeAt(node, markSector * sectorSize, Buffer.alloc(sectorSize));
