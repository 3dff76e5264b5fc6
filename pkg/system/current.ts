import type { Host } from '../host/index.ts';
import { readGenerationCommit, readRoles } from '../state/index.ts';
import type { Machine } from './machine.ts';

type Commit = NonNullable<Awaited<ReturnType<typeof readRoles>>['current']>;

/** What runs, what waits for the next boot, and what proved good, as commits. */
export type Roles = { readonly current?: Commit; readonly next?: Commit; readonly good?: Commit };

/**
 * The roles as they count: an update that needs no reboot ends what waited for one in a second step, so a `next` that
 * is older than `current` is a leftover of a crash between the two.
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
