import type { Host } from '../host/index.ts';
import { type Change, diffContent } from '../manifest/index.ts';
import { readGenerationCommit, type Which } from '../state/index.ts';
import { effectiveRoles } from './current.ts';
import { contentOf, type LoadedGeneration, loadGeneration } from './generation.ts';
import { type Machine, notInstalled, openMachine } from './machine.ts';

export type DiffOptions = {
  readonly root: string;
  readonly ca?: string | undefined;
  /** Default: what runs where something waits for the next boot, else the one before. */
  readonly from?: Which | undefined;
  /** Default: what waits for the next boot, else what runs. */
  readonly to?: Which | undefined;
};

export type DiffResult = {
  /** 0: there is none before the first. */
  readonly from: number;
  readonly to: number;
  readonly changes: readonly Change[];
};

const nothing = { targets: [], storage: [] };

/** What differs between two generations, each verified. */
export async function diff(host: Host, options: DiffOptions): Promise<DiffResult> {
  const machine = await openMachine(host, options.root);
  const load = (which: Which): Promise<LoadedGeneration> =>
    loadGeneration(host, machine, which, { ca: options.ca, belowFloor: true });
  const { current, next } = await effectiveRoles(host, machine);
  const newest = next ?? current;
  if (newest === undefined) throw notInstalled(machine, 'compare generations');
  const to = await load(options.to ?? newest);
  const before = options.from ?? (options.to === undefined && next !== undefined ? current : to.parent);
  if (before === undefined)
    return { from: 0, to: to.number, changes: diffContent(nothing, contentOf(to.machine)) };
  const from = await load(await known(host, machine, before));
  return {
    from: from.number,
    to: to.number,
    changes: diffContent(contentOf(from.machine), contentOf(to.machine)),
  };
}

const known = async (host: Host, { state }: Machine, which: Which): Promise<Which> =>
  (await readGenerationCommit(host, state, which)).commit;
