import { MosError, messageOf } from '../errors/index.ts';
import type { InstallTarget } from '../manifest/index.ts';

/** What `startInOrder` needs to know of a target. */
export type Ordered = { readonly name: string; readonly target: Pick<InstallTarget, 'depends_on'> };

/**
 * Starts each as soon as what it depends on is up, all others at the same time; what depends on one that failed is not tried.
 * The answers come in the order of `entries`. There are no circles: publish and install refuse them.
 */
export async function startInOrder<E extends Ordered, R>(
  entries: readonly E[],
  start: (entry: E) => Promise<R>,
  failed: (entry: E, error: unknown) => R,
): Promise<R[]> {
  const ups = new Map<string, Promise<R>>();
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const up = (entry: E): Promise<R> => {
    const known = ups.get(entry.name);
    if (known !== undefined) return known;
    const needed = (entry.target.depends_on ?? []).flatMap((name) => byName.get(name) ?? []);
    const own = Promise.all(needed.map((one) => requireUp(entry, one, up(one)))).then(() => start(entry));
    ups.set(entry.name, own);
    return own;
  };
  return Promise.all(entries.map((entry) => up(entry).catch((error: unknown) => failed(entry, error))));
}

async function requireUp(entry: Ordered, needed: Ordered, up: Promise<unknown>): Promise<void> {
  try {
    await up;
  } catch (error) {
    throw new MosError('state', `cannot start ${entry.name}: it needs ${needed.name} (${messageOf(error)})`);
  }
}
