import type { Wave } from '../../manifest/index.ts';

/**
 * When the turn of a machine is, in milliseconds of the epoch: evenly within its wave, by its seed. undefined: there are no
 * waves, everybody at once; Infinity: there is no wave for it yet.
 */
export function turnOf(waves: readonly Wave[], seed: number): number | undefined {
  if (waves.length === 0) return undefined;
  const wave = waves.find(({ start_seed, end_seed }) => seed >= start_seed && seed < end_seed);
  if (wave === undefined) return Number.POSITIVE_INFINITY;
  const [start, end] = [Date.parse(wave.start), Date.parse(wave.end)];
  const part = (seed - wave.start_seed) / (wave.end_seed - wave.start_seed);
  return start + Math.floor((end - start) * part);
}
