import { resolve } from 'node:path';
import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { type Machine, openMachine } from './machine.ts';

export type UmountOptions = {
  readonly root: string;
  /** The name of a target, or a path; undefined with `all`. */
  readonly what?: string | undefined;
  /** What is no target may be a folder of this one. */
  readonly cwd?: string | undefined;
  readonly all?: boolean;
};

export type UmountResult = {
  readonly unmounted: readonly string[];
  /** Layers that nothing uses any more. */
  readonly freed: readonly string[];
};

const owner = 'mosctl umount';

/** Takes mounts of ours away, with the layers and devices that nothing else uses. */
export async function umount(host: Host, options: UmountOptions): Promise<UmountResult> {
  const machine = await openMachine(host, options.root);
  const places = options.all ? await everything(host, machine) : await placesOf(host, machine, options);
  const { sweepMolecules, unmountMolecule } = await import('../atomfs/index.ts');
  const runtime = { runtime: machine.paths.run, owner };
  const freed = new Set<string>();
  for (const place of places)
    for (const digest of (await unmountMolecule(host, place, runtime)).freed) freed.add(digest);
  if (options.all) await sweepMolecules(host, { ...runtime, uppers: [`${machine.paths.scratch}/molecules`] });
  return { unmounted: places, freed: [...freed].sort() };
}

/** What stands on another mount first; the root file system that runs is not ours to take away. */
async function everything(host: Host, { paths }: Machine): Promise<string[]> {
  const { listMolecules } = await import('../atomfs/index.ts');
  const targets = (await listMolecules(host, { runtime: paths.run })).map(({ target }) => target);
  return targets.filter((target) => target !== '/').reverse();
}

async function placesOf(host: Host, machine: Machine, { what, cwd = '/' }: UmountOptions): Promise<string[]> {
  if (what === undefined)
    throw new MosError('usage', 'cannot unmount: name a target or a path, or give --all');
  if (what.includes('/')) return [resolve(cwd, what)];
  const { listMolecules } = await import('../atomfs/index.ts');
  const { paths } = machine;
  const mounted = new Set((await listMolecules(host, { runtime: paths.run })).map(({ target }) => target));
  const mountedIn = async (folders: readonly string[]): Promise<string[]> => {
    const found: string[] = [];
    for (const place of folders.map((folder) => resolve(folder, what))) {
      if ((await host.files.stat(place)) === undefined) continue;
      const real = await host.files.realPath(place);
      if (mounted.has(real)) found.push(real);
    }
    return found;
  };
  const found = await mountedIn([paths.mounts, paths.files]);
  const places = found.length > 0 ? found : await mountedIn([cwd]);
  if (places.length > 0) return places;
  throw new MosError(
    'not-found',
    `cannot unmount ${what}: it is mounted neither below ${paths.mounts} nor below ${paths.files} nor at ${resolve(cwd, what)}`,
    {
      hint: 'mosctl status lists what is mounted',
    },
  );
}
