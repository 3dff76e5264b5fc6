import { type Host, readTextIfThere, writeAtomic } from '../host/index.ts';
import { type GenerationCommit, readGenerationCommit, readRoles } from '../state/index.ts';
import { type Machine, notInstalled } from './machine.ts';
import type { MachinePaths } from './paths.ts';

export type CommitId = GenerationCommit['commit'];

/** What runs, what waits for the next boot, and what proved good, as commits. */
export type Roles = { readonly current?: CommitId; readonly next?: CommitId; readonly good?: CommitId };

/**
 * The roles as they count: what needs no reboot ends what waited for one in a second step, so a `next` that is not
 * newer than `current` is a leftover of a crash between the two.
 */
export async function effectiveRoles(host: Host, { state }: Machine): Promise<Roles> {
  const roles = await readRoles(host, state);
  const { current, next, ...rest } = roles;
  if (current === undefined || next === undefined) return roles;
  const [now, later] = await Promise.all(
    [current, next].map((commit) => readGenerationCommit(host, state, commit)),
  );
  return (later?.number ?? 0) > (now?.number ?? 0) ? roles : { current, ...rest };
}

/** Which generation the present root file system is of; lost at reboot. */
export type Booted = {
  readonly generation: number;
  readonly commit: CommitId;
  /** The name of the boot entry that chose it, as it was before its counter was lowered. */
  readonly entry?: string | undefined;
};

const bootedFile = (paths: MachinePaths): string => `${paths.run}/booted.json`;

export async function recordBooted(host: Host, paths: MachinePaths, booted: Booted): Promise<void> {
  await host.files.makeFolder(paths.run, { parents: true });
  const bootId = await host.machine.bootId();
  const { generation, commit, entry } = booted;
  await writeAtomic(host, bootedFile(paths), `${JSON.stringify({ generation, commit, entry, bootId })}\n`);
}

/** undefined where the machine was not booted by mosctl. */
export async function readBooted(host: Host, paths: MachinePaths): Promise<Booted | undefined> {
  const text = await readTextIfThere(host, bootedFile(paths));
  if (text === undefined) return undefined;
  const { bootId, ...booted } = JSON.parse(text) as Booted & { bootId: string };
  return bootId === (await host.machine.bootId()) ? booted : undefined;
}

/** The generation that the next boot takes. */
export async function commitToBoot(host: Host, machine: Machine): Promise<CommitId> {
  const { current, next } = await effectiveRoles(host, machine);
  const commit = next ?? current;
  if (commit === undefined) throw notInstalled(machine, 'boot');
  return commit;
}

/** The generation whose services run: `current`, and `next` where it was booted and has not proved good yet. */
export async function runningCommit(host: Host, machine: Machine, verb: string): Promise<CommitId> {
  const { current, next } = await effectiveRoles(host, machine);
  const booted = next === undefined ? undefined : await readBooted(host, machine.paths);
  const commit = booted !== undefined && booted.commit === next ? next : current;
  if (commit === undefined) throw notInstalled(machine, verb);
  return commit;
}
