import type { Host } from '../host/index.ts';
import type { MachineTarget } from '../manifest/index.ts';
import { readImage } from './images.ts';
import { type Machine, openStore } from './machine.ts';

/** One mount of ours, as `status` shows it. */
export type StatusMount = {
  readonly at: string;
  readonly integrity: 'verity' | 'digest';
  readonly isWritable: boolean;
  /** What can be written to it, in bytes; null where only the place it lies at bounds it. */
  readonly room: number | null;
  /** Its files were unpacked, because this kernel cannot give layers of their format to the ids of a container. */
  readonly isCopy: boolean;
  /** The image is the one that the running generation names. */
  readonly isCurrent: boolean;
};

type Found = Omit<StatusMount, 'isCurrent'> & { readonly layers: readonly string[] };

/** What is mounted, by the name of the target it is of; mounts of nothing that is installed under ''. */
export async function mountsByTarget(
  host: Host,
  machine: Machine,
  targets: readonly MachineTarget[],
): Promise<ReadonlyMap<string, readonly StatusMount[]>> {
  const found = await readMounts(host, machine);
  const owners = new Map<string, StatusMount[]>();
  if (found.length === 0) return owners;
  const layers = await layersByTarget(host, machine, targets);
  for (const { layers: own, ...mount } of found) {
    const key = own.join();
    const current = [...layers].find(([, wanted]) => wanted === key)?.[0];
    const name =
      current ?? targets.find((target) => placesOf(machine, target.name).includes(mount.at))?.name ?? '';
    owners.set(name, [...(owners.get(name) ?? []), { ...mount, isCurrent: current !== undefined }]);
  }
  return owners;
}

const placesOf = ({ paths }: Machine, name: string): string[] => [
  `${paths.files}/${name}`,
  `${paths.mounts}/${name}`,
];

async function readMounts(host: Host, { paths }: Machine): Promise<Found[]> {
  // Without a runtime folder nothing was mounted since the boot.
  if ((await host.files.stat(paths.run)) === undefined) return [];
  const { listMolecules } = await import('../atomfs/index.ts');
  return (await listMolecules(host, { runtime: paths.run })).map(({ target, layers, isWritable, room }) => ({
    at: target,
    integrity: layers.every(({ check }) => check === 'verity') ? 'verity' : 'digest',
    isWritable,
    room: room?.size ?? null,
    isCopy: layers.some(({ copy }) => copy !== undefined),
    layers: layers.map(({ digest }) => digest),
  }));
}

/** The layers of each target's image in one text; a target whose image can't be read has none. */
async function layersByTarget(
  host: Host,
  machine: Machine,
  targets: readonly MachineTarget[],
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { name, target } of targets)
    try {
      const { image } = await readImage(target, await openStore(host, machine));
      found.set(name, image.layers.map(({ digest }) => digest).join());
    } catch {
      // `verify` says what is wrong with the store; here the mount is only shown as another one.
    }
  return found;
}
