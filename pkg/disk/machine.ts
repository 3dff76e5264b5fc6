import { MosError } from '../errors/index.ts';
import type { Disk } from './block.ts';
import { type PartitionRole, partitionTypes } from './types.ts';

/** What a machine cannot run without. */
const roles = ['machine-config', 'machine-store', 'machine-scratch'] as const satisfies PartitionRole[];
export type MachineRole = (typeof roles)[number];

/** The disk of this machine; `nodes` are the device nodes of its partitions. */
export type MachineDisk = {
  readonly name: string;
  readonly id: string;
  readonly nodes: Readonly<Record<MachineRole, string>>;
  /** Where there is just one. */
  readonly esp?: string;
};

/**
 * The one disk that has exactly one partition of each kind, by type and never by name; with `id` only the disk of
 * that GUID. undefined where there is none. Two are an error: a second disk must not be able to stand in for ours.
 */
export function chooseMachineDisk(disks: readonly Disk[], id?: string): MachineDisk | undefined {
  const found = disks
    .map(toMachineDisk)
    .filter((disk) => disk !== undefined)
    .filter((disk) => id === undefined || disk.id === id.toUpperCase());
  if (found.length > 1)
    throw new MosError(
      'state',
      `cannot choose the disk of this machine: ${found.map(({ name }) => name).join(' and ')} look alike`,
      { hint: 'remove one, or name the right one by mos.disk=<disk GUID> on the kernel command line' },
    );
  return found[0];
}

function toMachineDisk(disk: Disk): MachineDisk | undefined {
  const [config, store, scratch] = roles.map((role) => nodeOf(disk, role));
  if (!disk.table || !config || !store || !scratch) return undefined;
  const nodes = { 'machine-config': config, 'machine-store': store, 'machine-scratch': scratch };
  const esp = nodeOf(disk, 'esp');
  return { name: disk.name, id: disk.table.disk, nodes, ...(esp === undefined ? {} : { esp }) };
}

function nodeOf(disk: Disk, role: PartitionRole): string | undefined {
  const [one, ...more] = (disk.table?.partitions ?? []).filter(({ type }) => type === partitionTypes[role]);
  return one && more.length === 0 ? disk.nodes.get(one.number) : undefined;
}
