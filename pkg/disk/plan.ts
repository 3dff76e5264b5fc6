import { MosError } from '../errors/index.ts';
import { backSectors, type PartitionTable, sectorSize } from './gpt.ts';
import { type PartitionRole, partitionTypes } from './types.ts';

const MiB = 1024 * 1024;
const alignment = MiB / sectorSize;

/** One partition of a disk that is to be made; without `mebibytes` it takes what the others leave. */
export type PartitionWish = { readonly role: PartitionRole; readonly mebibytes?: number };

const smallest: Readonly<Record<PartitionRole, number>> = {
  esp: 200,
  'machine-config': 32,
  'machine-store': 256,
  'machine-scratch': 64,
};

/** The text of a file of layouts/disks: each role once, none too small, one of them may have the rest. */
export function parseLayout(text: string, what: string): PartitionWish[] {
  const refuse = (why: string) => new MosError('invalid', `cannot use the layout ${what}: ${why}`);
  const list = parseJson(text, refuse);
  const wishes = list.map((entry) => toWish(entry, refuse));
  for (const role of Object.keys(smallest))
    if (wishes.filter((wish) => wish.role === role).length !== 1) throw refuse(`it must name ${role} once`);
  if (wishes.filter(({ mebibytes }) => mebibytes === undefined).length > 1)
    throw refuse('only one partition can have the rest');
  return wishes;
}

type Refuse = (why: string) => MosError;

function parseJson(text: string, refuse: Refuse): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return value;
  } catch {}
  throw refuse('it must be a list of {"role", "mebibytes"}');
}

function toWish(entry: unknown, refuse: Refuse): PartitionWish {
  const { role, mebibytes, ...rest } = (entry ?? {}) as Record<string, unknown>;
  const known = Object.keys(smallest).find((one) => one === role) as PartitionRole | undefined;
  if (known === undefined || Object.keys(rest).length > 0)
    throw refuse(`${JSON.stringify(entry)} is no {"role", "mebibytes"} of ours`);
  if (mebibytes === undefined) return { role: known };
  if (!Number.isSafeInteger(mebibytes) || Number(mebibytes) < smallest[known])
    throw refuse(`${known} must have ${smallest[known]} MiB or more`);
  return { role: known, mebibytes: Number(mebibytes) };
}

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
