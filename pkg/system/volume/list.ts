import { type Host, listIfThere } from '../../host/index.ts';
import type { VolumeLabel } from '../../manifest/index.ts';
import { runningCommit } from '../current.ts';
import { loadGeneration } from '../generation.ts';
import { openMachine } from '../machine.ts';
import type { MachinePaths } from '../paths.ts';
import { findPartition } from './partition.ts';
import { keptFolder, scratchFolder, volumePlace } from './place.ts';

export type VolumeState = {
  readonly label: string;
  readonly persistent: boolean;
  /** In bytes; null where the running manifest has no such volume any more. */
  readonly size: number | null;
  /** Of its file or of what is on its partition, in bytes; null where it was never used. */
  readonly made: number | null;
  /** Node of its partition; null where it is a file. */
  readonly partition: string | null;
  /** Inside, in bytes; null where it is not mounted. */
  readonly used: number | null;
  /** The services whose manifest names it. */
  readonly services: readonly string[];
};

const mebibyte = 1024 * 1024;

/** The volumes of the running generation, and those that lie there from earlier ones. */
export async function listVolumes(
  host: Host,
  options: { readonly root: string; readonly ca?: string | undefined },
): Promise<readonly VolumeState[]> {
  const machine = await openMachine(host, options.root);
  const commit = await runningCommit(host, machine, 'list the volumes');
  const { machine: system } = await loadGeneration(host, machine, commit, { ca: options.ca });
  const states: VolumeState[] = [];
  for (const { volume: label, definition } of system.volumes) {
    const users = system.targets.filter(({ target }) => target.storage.some((use) => use.label === label));
    states.push({
      label,
      persistent: definition.persistent,
      size: definition.size * mebibyte,
      ...(await measured(host, machine.paths, label, definition.persistent)),
      services: users.map(({ name }) => name),
    });
  }
  for (const persistent of [true, false])
    for (const label of await imagesIn(
      host,
      persistent ? keptFolder(machine.paths) : scratchFolder(machine.paths),
    ))
      if (!states.some((state) => state.label === label && state.persistent === persistent)) {
        const found = await measured(host, machine.paths, label, persistent);
        states.push({ label, persistent, size: null, ...found, services: [] });
      }
  return states;
}

async function imagesIn(host: Host, folder: string): Promise<VolumeLabel[]> {
  return (await listIfThere(host, folder))
    .filter((name) => name.endsWith('.img') && !name.startsWith('.'))
    .map((name) => name.slice(0, -'.img'.length) as VolumeLabel);
}

async function measured(
  host: Host,
  paths: MachinePaths,
  label: VolumeLabel,
  persistent: boolean,
): Promise<Pick<VolumeState, 'made' | 'used' | 'partition'>> {
  const { image, mount } = volumePlace(paths, label, persistent);
  const file = await host.files.stat(image);
  const partition = persistent && file === undefined ? await findPartition(host, paths, label) : undefined;
  const content = partition?.content;
  const isMounted = (await host.mounts.table()).some(({ target }) => target === mount);
  const space = isMounted ? await host.files.space(mount) : undefined;
  return {
    made: file?.size ?? (content?.kind === 'ext4' ? content.bytes : null),
    partition: partition?.node ?? null,
    used: space === undefined ? null : space.total - space.free,
  };
}
