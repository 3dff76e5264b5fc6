import { isMosError, MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { keptGenerations, listGenerations, lockState } from '../state/index.ts';
import type { Report } from '../steps/index.ts';
import { Undo } from '../undo/index.ts';
import { bringEspUpToDate } from './boot-files/index.ts';
import { readBooted } from './current.ts';
import { imagesOfGenerations, repairIndex } from './kept-images.ts';
import { fetchAgain, notInstalled, openMachine, openStore } from './machine.ts';
import { copiesFolder } from './mounting.ts';

export type GcOptions = {
  readonly root: string;
  readonly ca?: string | undefined;
  readonly dryRun?: boolean;
  /** How many of the newest generations are kept whatever they are; default 3. */
  readonly keep?: number | undefined;
};

export type GcResult = {
  readonly dryRun: boolean;
  /** Generations whose images stay. */
  readonly kept: readonly number[];
  /** Images that went (would go), by digest. */
  readonly images: readonly string[];
  readonly blobs: number;
  readonly bytes: number;
};

const owner = 'mosctl gc';

/** The images of what runs come back by an update, those of older generations by none. */
const helped = (cause: unknown): unknown =>
  isMosError(cause, 'corrupt')
    ? new MosError('corrupt', 'cannot collect garbage', {
        hint: `${fetchAgain}; --keep 1 leaves older generations out`,
        cause,
      })
    : cause;

/** Removes what no kept generation and no mount uses: names first, then blobs. */
export async function gc(host: Host, options: GcOptions, report: Report): Promise<GcResult> {
  const { root, dryRun = false, keep } = options;
  await using held = new Undo();
  const machine = await openMachine(host, root);
  if (!dryRun) {
    const lock = await lockState(host, machine.state, { owner, wait: 0 });
    held.add(() => lock[Symbol.asyncDispose]());
  }
  const entries = await listGenerations(host, machine.state);
  if (entries.length === 0) throw notInstalled(machine, 'collect garbage');
  const booted = await readBooted(host, machine.paths);
  const kept = new Set(keptGenerations(entries, keep));
  const numbers = entries
    .filter((entry) => kept.has(entry) || entry.commit === booted?.commit)
    .map((e) => e.number);
  // Boot files of generations that are not kept go before their images do.
  if (!dryRun) await bringEspUpToDate(host, machine, options.ca, report, keep);
  const images = await imagesOfGenerations(host, machine, numbers, options.ca, report);
  const { layersInUse, sweepMolecules } = await import('../atomfs/index.ts');
  if (!dryRun && host.machine.uid === 0)
    await sweepMolecules(host, { runtime: machine.paths.run, owner, copies: copiesFolder(machine.paths) });
  const store = await openStore(host, machine, { owner });
  if (!dryRun) await repairIndex(store, async () => images, report);
  const result = await store
    .gc({ keep: images, live: await layersInUse(host), dryRun })
    .catch((error: unknown) => Promise.reject(helped(error)));
  return {
    dryRun,
    kept: numbers,
    images: result.entries.map(({ digest }) => digest),
    blobs: result.blobs.length,
    bytes: result.bytes,
  };
}
