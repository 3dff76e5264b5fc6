/** One line of /proc/self/mountinfo, see proc_pid_mountinfo(5); octal escapes are decoded. */
export type MountEntry = {
  readonly id: number;
  readonly parent: number;
  /** `major:minor` of st_dev */
  readonly device: string;
  readonly root: string;
  readonly target: string;
  readonly options: readonly string[];
  readonly fstype: string;
  readonly source: string;
  readonly superOptions: readonly string[];
};

export type MountFlag = 'ro' | 'nodev' | 'nosuid' | 'noexec' | 'noatime';

/** A mount as data. `lower` (top layer first), `upper`, `work` and `base` are for overlay only. */
export type MountCall = {
  readonly fstype: string;
  readonly source: string;
  readonly target: string;
  readonly flags: readonly MountFlag[];
  /** Passed to the file system as they are. */
  readonly options?: readonly string[];
  readonly lower?: readonly string[];
  readonly upper?: string;
  readonly work?: string;
  /** The folder that relative names of lower layers are in: mount(2) takes no more than 4095 bytes of options. */
  readonly base?: string;
  /** Mounts below it are not passed on to other mount namespaces. */
  readonly isPrivate?: boolean;
};

/** `count` ids from `start` on, of users and of groups alike: what a container calls 0, 1, … */
export type IdRange = { readonly start: number; readonly count: number };

export interface Mounts {
  table(): Promise<readonly MountEntry[]>;
  mount(call: MountCall): Promise<void>;
  /** With `detach` the mount point goes at once and the file system when its last user ends (MNT_DETACH). */
  unmount(target: string, options?: { readonly detach?: boolean }): Promise<void>;
  bind(
    source: string,
    target: string,
    options?: { readonly recursive?: boolean; readonly flags?: readonly MountFlag[] },
  ): Promise<void>;
  move(from: string, to: string): Promise<void>;
  /**
   * Puts a mount where another one is, which is detached: its users keep it. `from` stands on a private mount. Where the
   * kernel can (Linux 6.5, MOVE_MOUNT_BENEATH) there is always one of both, else nothing for a moment.
   */
  replace(from: string, to: string): Promise<void>;
  /**
   * Shows the files of the mount at each target as those of the range: 0 as `start` and so on. The mount below stays.
   * Returns the targets for whose file system the kernel can't (squashfs before Linux 6.2, overlay never).
   */
  mapIds(targets: readonly string[], range: IdRange): Promise<readonly string[]>;
  /** Makes ready what `mapIds` needs for this range, which takes a moment; it does without, and tells what goes wrong. */
  prepareIds(range: IdRange): Promise<void>;
}
