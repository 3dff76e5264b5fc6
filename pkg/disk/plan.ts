import { MosError } from '../errors/index.ts';
import { backSectors, type PartitionTable, sectorSize } from './gpt.ts';
import { type PartitionRole, partitionTypes } from './types.ts';

const MiB = 1024 * 1024;
const alignment = MiB / sectorSize;

/** One partition of a disk that is to be made; without `mebibytes` it takes what the others leave. */
export type PartitionWish = { readonly role: PartitionRole; readonly mebibytes?: number };

/**
 * Lays partitions out in the order of the list, each at a multiple of 1 MiB, with names as roles. `ids` are the GUIDs
 * of the disk and then of each partition: the caller decides how random they are.
 */
export function planPartitions(
  wishes: readonly PartitionWish[],
  sectors: number,
  ids: readonly string[],
): PartitionTable {
  const usable = Math.floor((sectors - backSectors) / alignment) - 1; // in MiB; the first one holds the table
  const fixed = wishes.reduce((sum, { mebibytes }) => sum + (mebibytes ?? 0), 0);
  const open = wishes.filter(({ mebibytes }) => mebibytes === undefined).length;
  const rest = Math.floor((usable - fixed) / Math.max(1, open));
  if (usable < fixed || (open > 0 && rest < 1))
    throw new MosError(
      'no-space',
      `cannot partition the disk: ${fixed} MiB are asked for, ${usable} MiB are there`,
    );

  let next = 1;
  const [disk, ...partitionIds] = ids;
  const partitions = wishes.map(({ role, mebibytes = rest }, index) => {
    const first = next * alignment;
    next += mebibytes;
    return {
      number: index + 1,
      type: partitionTypes[role],
      id: requiredId(partitionIds[index]),
      name: role,
      first,
      last: next * alignment - 1,
    };
  });
  return { disk: requiredId(disk), partitions };
}

function requiredId(id: string | undefined): string {
  if (id === undefined) throw new MosError('internal', 'cannot plan partitions: a GUID is missing');
  return id;
}
