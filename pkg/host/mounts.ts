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

/** A mount as data. `lower` (top layer first), `upper` and `work` are for overlay only. */
export type MountCall = {
  readonly fstype: string;
  readonly source: string;
  readonly target: string;
  readonly flags: readonly MountFlag[];
  readonly options?: readonly string[];
  readonly lower?: readonly string[];
  readonly upper?: string;
  readonly work?: string;
};

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
}
