import type { IdRange } from '../../host/index.ts';
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
};

/** Beside the images of the machine, on its largest partition; no repository has such a name. */
export const keptFolder = ({ store }: MachinePaths): string => `${store}/.volumes`;
export const scratchFolder = ({ scratch }: MachinePaths): string => `${scratch}/volumes`;
export const mountsFolder = ({ run }: MachinePaths): string => `${run}/volumes`;

export function volumePlace(paths: MachinePaths, label: VolumeLabel, persistent: boolean): VolumePlace {
  // What is kept and what is not may be mounted at once, while a service goes over from one to the other.
  const mount = `${mountsFolder(paths)}/${label}/${persistent ? 'disk' : 'scratch'}`;
  return {
    image: `${persistent ? keptFolder(paths) : scratchFolder(paths)}/${label}.img`,
    mount,
    data: `${mount}/data`,
  };
}

/** The same folder with the ids of the volume's nsgroup: another place for other ids, since services may run that have those from before. */
export const mappedPlace = ({ mount }: VolumePlace, ids: IdRange | undefined): string =>
  `${mount}-data${ids === undefined ? '' : `-${ids.start}-${ids.count}`}`;

/** The labels of the volumes that a text has the mounts of. */
export const volumesIn = (paths: MachinePaths, text: string): string[] =>
  text.split(`${mountsFolder(paths)}/`).flatMap((rest, index) => (index === 0 ? [] : rest.split('/', 1)));
