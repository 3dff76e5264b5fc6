import type { PartitionRole } from '../../disk/index.ts';
import { MosError } from '../../errors/index.ts';
import type { Host, MountFlag } from '../../host/index.ts';
import type { Undo } from '../../undo/index.ts';
import { umount } from '../umount.ts';
import { closeLeftovers } from './encryption.ts';

/** The root of the machine that is being installed, in memory; its partitions are mounted in it. */
export const installRoot = '/run/mos/install';

const places: Readonly<Record<PartitionRole, string>> = {
  'machine-config': 'config',
  'machine-store': 'atomfs-cache',
  'machine-scratch': 'scratch-writes',
  esp: 'boot/efi',
};
const flags: readonly MountFlag[] = ['nodev', 'nosuid', 'noexec'];

/** Mounts the partitions as the machine will see them, until the undo. */
export async function mountPartitions(
  host: Host,
  nodes: Readonly<Record<PartitionRole, string>>,
  undo: Undo,
): Promise<void> {
  for (const [role, place] of Object.entries(places) as [PartitionRole, string][]) {
    const target = `${installRoot}/${place}`;
    await host.files.makeFolder(target, { parents: true });
    const fstype = role === 'esp' ? 'vfat' : 'ext4';
    await host.mounts.mount({ fstype, source: nodes[role], target, flags });
    undo.add(() => host.mounts.unmount(target));
  }
}

/** The CA and the identity are those of the running system. */
export async function showIdentity(host: Host, undo: Undo): Promise<void> {
  const [from, target] = ['/factory/secure', `${installRoot}/factory/secure`];
  if ((await host.files.stat(from)) === undefined) return;
  await host.files.makeFolder(target, { parents: true });
  await host.mounts.bind(from, target);
  undo.add(() => host.mounts.unmount(target));
}

/** Of an install that was killed; images are mounted from its store. */
export async function clearLeftovers(host: Host): Promise<void> {
  await umount(host, { root: installRoot, all: true });
  const table = await host.mounts.table();
  const left = table.map(({ target }) => target).filter((target) => target.startsWith(`${installRoot}/`));
  for (const target of left.reverse()) await host.mounts.unmount(target);
  await closeLeftovers(host);
}

/** The kernel's nodes of new partitions come when they come. */
export async function waitForNodes(
  host: Host,
  read: () => Promise<ReadonlyMap<number, string>>,
  numbers: readonly number[],
): Promise<ReadonlyMap<number, string>> {
  const deadline = host.clock.monotonic() + nodeDeadline;
  for (;;) {
    const nodes = await read();
    const there = await Promise.all(
      numbers.map(async (number) => (await host.files.stat(nodes.get(number) ?? '/nothing')) !== undefined),
    );
    if (there.every(Boolean)) return nodes;
    if (host.clock.monotonic() > deadline)
      throw new MosError('timeout', 'cannot install: the kernel does not show the new partitions');
    await host.clock.sleep(nodeInterval);
  }
}

const nodeDeadline = 20_000;
const nodeInterval = 50;
