import { isMosError, messageOf } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import type { Layout } from '../layout/index.ts';
import { parseInstallManifest } from '../manifest/index.ts';
import type { Digest } from '../oci/index.ts';
import { readGeneration } from '../state/index.ts';
import type { Report } from '../steps/index.ts';
import { loadGeneration } from './generation.ts';
import type { Machine } from './machine.ts';

export async function imagesOfGenerations(
  host: Host,
  machine: Machine,
  numbers: readonly number[],
  ca: string | undefined,
  report: Report,
): Promise<Set<Digest>> {
  const images = new Set<Digest>();
  for (const number of numbers)
    for (const digest of await imagesOf(host, machine, number, ca, report)) images.add(digest);
  return images;
}

/** index.json made anew where it can't be read. Names are given to images of generations: those were imported whole. */
export async function repairIndex(
  store: Layout,
  readImages: () => Promise<ReadonlySet<Digest>>,
  report: Report,
): Promise<void> {
  try {
    await store.descriptors();
  } catch (error) {
    if (!isMosError(error, 'invalid') && !isMosError(error, 'not-found')) throw error;
    report({ kind: 'note', text: `warning: ${messageOf(error)}; it is made again from the images` });
    const images = await readImages();
    await store.rebuildIndex({ name: ({ digest }) => (images.has(digest) ? digest : undefined) });
  }
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
