/** Where the state of a machine lies. Built by `openState` only. */
export type State = {
  /** `/config` */
  readonly folder: string;
  /** The work tree: a view for people. */
  readonly repository: string;
  readonly git: string;
  /** Small files and the lock. */
  readonly records: string;
  readonly lock: string;
};

/** Nothing is read or made yet; `folder` is an absolute path, `/config` below the root of the machine. */
export const openState = (folder: string): State => ({
  folder,
  repository: `${folder}/manifest.git`,
  git: `${folder}/manifest.git/.git`,
  records: `${folder}/mos`,
  lock: `${folder}/mos/lock`,
});

export const mainRef = 'refs/heads/main';
export const notesRef = 'refs/notes/mos';
export const tagRef = (number: number): string => `refs/tags/generation-${number}`;

/** What a generation is to the machine: booted or to be booted without a reboot, at the next boot, proved good. */
export const roles = ['current', 'next', 'good'] as const;
export type Role = (typeof roles)[number];
export const roleRef = (role: Role): string => `refs/mos/${role}`;
