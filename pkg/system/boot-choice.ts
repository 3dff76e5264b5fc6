import { MosError } from '../errors/index.ts';
import { type EntryName, parseEntryName } from '../esp/index.ts';
import type { Host } from '../host/index.ts';
import type { Layout } from '../layout/index.ts';
import { listGenerations } from '../state/index.ts';
import type { Report } from '../steps/index.ts';
import { bootsAlike } from './boot-files/wanted.ts';
import { bootFileOf } from './bootkit/index.ts';
import { type CommitId, commitToBoot, effectiveRoles } from './current.ts';
import { type LoadedGeneration, loadGeneration } from './generation.ts';
import { readImage } from './images.ts';
import type { Machine } from './machine.ts';

/** What started an initrd, as it can tell; nothing of it is believed before it fits what is signed. */
export type Started = {
  /** LoaderEntrySelected: the boot entry as it was called before its counter was lowered. */
  readonly entry?: string | undefined;
  /** Of the initrd itself. */
  readonly buildId?: string | undefined;
};

/** The name of the entry where it is one of ours. */
export const ourEntry = ({ entry }: Started): string | undefined =>
  entry !== undefined && parseEntryName(entry) !== undefined ? entry : undefined;

/**
 * The generation to boot. Without a boot entry of ours it is what waits for this boot, or what is current. An entry
 * stands for its generation, and for the current one where that differs in services only. One that is counted must be
 * what waits: a leftover of an update that was given up is not tried.
 */
export async function chooseToBoot(
  host: Host,
  machine: Machine,
  started: Started,
  ca: string | undefined,
): Promise<LoadedGeneration> {
  const entry = parseEntryName(ourEntry(started) ?? '');
  const load = (which: CommitId | number) => loadGeneration(host, machine, which, { ca });
  if (entry === undefined) return load(await commitToBoot(host, machine));
  const roles = await effectiveRoles(host, machine);
  const named = await load(entry.generation);
  if (named.commit === roles.next || named.commit === roles.current) return named;
  const current = roles.current === undefined ? undefined : await load(roles.current);
  if (current !== undefined && current.number > named.number && bootsAlike(current.machine, named.machine))
    return current;
  if (entry.tries === undefined) return named;
  throw notWaiting(entry);
}

const notWaiting = ({ generation }: EntryName): MosError =>
  new MosError(
    'state',
    `cannot boot generation ${generation}: its boot entry is a counted one, and it is not what waits for this boot`,
    { hint: 'the boot loader takes the last good one when the tries are used up' },
  );

/** A boot file starts the generations that name its own bootkit, whatever an entry says. */
export async function requireOwnBootFile(
  host: Host,
  machine: Machine,
  store: Layout,
  generation: LoadedGeneration,
  { buildId }: Started,
  { ca, report }: { readonly ca: string | undefined; readonly report: Report },
): Promise<void> {
  if (buildId === undefined) return;
  const own = await buildIdOf(store, generation);
  if (own === buildId) return;
  if (own !== undefined)
    throw new MosError(
      'untrusted',
      `cannot boot generation ${generation.number}: its entry started a boot file of ${await ownerOf(host, machine, store, buildId, ca)}`,
    );
  const text = `warning: generation ${generation.number} names no bootkit: nothing says which boot file is its own`;
  report({ kind: 'note', text });
}

async function buildIdOf(store: Layout, { number, machine }: LoadedGeneration): Promise<string | undefined> {
  const target = machine.targets.find(({ name }) => name === 'bootkit')?.target;
  if (target === undefined) return undefined;
  const { image } = await readImage(target, store);
  return bootFileOf(image, `the bootkit of generation ${number}`).buildId;
}

/** For the message: whose boot file it is. */
async function ownerOf(
  host: Host,
  machine: Machine,
  store: Layout,
  buildId: string,
  ca: string | undefined,
): Promise<string> {
  for (const { number } of await listGenerations(host, machine.state))
    try {
      const generation = await loadGeneration(host, machine, number, { belowFloor: true, ca });
      if ((await buildIdOf(store, generation)) === buildId) return `generation ${number}`;
    } catch {
      // what can't be read is not the one
    }
  return 'no generation of this machine';
}
