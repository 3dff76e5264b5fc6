import { messageOf } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { parseInstallManifest } from '../manifest/index.ts';
import type { Digest } from '../oci/index.ts';
import { keptGenerations, listGenerations, lockState, readGeneration } from '../state/index.ts';
import type { Report } from '../steps/index.ts';
import { Undo } from '../undo/index.ts';
import { readBooted } from './current.ts';
import { loadGeneration } from './generation.ts';
import { type Machine, notInstalled, openMachine, openStore } from './machine.ts';

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
  const images = new Set<Digest>();
  for (const number of numbers)
    for (const digest of await imagesOf(host, machine, number, options.ca, report)) images.add(digest);
  const { layersInUse, sweepMolecules } = await import('../atomfs/index.ts');
  if (!dryRun && host.machine.uid === 0) await sweepMolecules(host, { runtime: machine.paths.run, owner });
  const store = await openStore(host, machine, { owner });
  const result = await store.gc({ keep: images, live: await layersInUse(host), dryRun });
  return {
    dryRun,
    kept: numbers,
    images: result.entries.map(({ digest }) => digest),
    blobs: result.blobs.length,
    bytes: result.bytes,
  };
}

/**
 * The images of a generation. One that can't be believed any more keeps what its files name all the same: to keep too
 * much does no harm, and it may be repaired.
 */
async function imagesOf(
  host: Host,
  machine: Machine,
  number: number,
  ca: string | undefined,
  report: Report,
): Promise<Digest[]> {
  try {
    const { machine: system } = await loadGeneration(host, machine, number, { ca, belowFloor: true });
    return system.targets.map(({ target }) => target.digest);
  } catch (error) {
    report({ kind: 'note', text: `warning: generation ${number} is kept unverified: ${messageOf(error)}` });
    const { files } = await readGeneration(host, machine.state, number);
    const manifests = await Promise.all([...files.values()].map(({ bytes }) => parseInstallManifest(bytes)));
    return manifests.flatMap(({ manifest }) => manifest.targets.map(({ digest }) => digest));
  }
}
