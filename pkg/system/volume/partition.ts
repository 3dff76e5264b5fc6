import {
  type PartitionContent,
  partitionTypes,
  readContent,
  readDiskOf,
  sectorSize,
} from '../../disk/index.ts';
import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import type { VolumeLabel } from '../../manifest/index.ts';
import type { MachinePaths } from '../paths.ts';

/** A partition for a volume: its node, how large it is, and what is on it. */
export type VolumePartition = {
  readonly node: string;
  readonly bytes: number;
  readonly content: PartitionContent;
};

const own: readonly string[] = Object.values(partitionTypes);

/**
 * The partition of a volume: the one whose name is the label, on the disk that the store is on and on no other. undefined where
 * the store is on no partition, or its disk has none of that name.
 */
export async function findPartition(
  host: Host,
  { store }: MachinePaths,
  label: VolumeLabel,
): Promise<VolumePartition | undefined> {
  const device = (await host.mounts.table()).findLast(({ target }) => target === store)?.device;
  const disk = device === undefined ? undefined : await readDiskOf(host, device);
  const found = (disk?.table?.partitions ?? []).filter(
    ({ name, type }) => name === label && !own.includes(type),
  );
  const [partition, ...others] = found;
  if (disk === undefined || partition === undefined) return undefined;
  const refused = (why: string): MosError => new MosError('state', `cannot use the volume ${label}: ${why}`);
  if (others.length > 0) throw refused(`${found.length} partitions of ${disk.name} have that name`);
  const node = disk.nodes.get(partition.number);
  if (node === undefined)
    throw refused(`the kernel does not know partition ${partition.number} of ${disk.name}`);
  const bytes = (partition.last - partition.first + 1) * sectorSize;
  return { node, bytes, content: await readContent(host, node) };
}
