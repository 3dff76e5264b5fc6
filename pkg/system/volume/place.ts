import type { VolumeLabel } from '../../manifest/index.ts';
import type { MachinePaths } from '../paths.ts';

/** Where a volume is, kept and mounted. */
export type VolumePlace = {
  /** A file with a file system in it. */
  readonly image: string;
  /** Where that is mounted. */
  readonly mount: string;
  /** What services see, in the mounted file system: beside its lost+found. */
  readonly data: string;
  /** The same with the ids of the volume's nsgroup. */
  readonly mapped: string;
};

/** Beside the images of the machine, on its largest partition; no repository has such a name. */
export const keptFolder = ({ store }: MachinePaths): string => `${store}/.volumes`;
export const scratchFolder = ({ scratch }: MachinePaths): string => `${scratch}/volumes`;
export const mountsFolder = ({ run }: MachinePaths): string => `${run}/volumes`;

export function volumePlace(paths: MachinePaths, label: VolumeLabel, persistent: boolean): VolumePlace {
  const mounts = `${mountsFolder(paths)}/${label}`;
  return {
    image: `${persistent ? keptFolder(paths) : scratchFolder(paths)}/${label}.img`,
    mount: `${mounts}/disk`,
    data: `${mounts}/disk/data`,
    mapped: `${mounts}/data`,
  };
}
