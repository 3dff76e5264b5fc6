/** Seeds are 32-bit: 0 to 2^32 - 1. */
export const seeds = 2 ** 32;

/**
 * A part of all machines, by their seeds (`from` ≤ seed < `to`), and when an update begins for the first and the last
 * of them. Times in milliseconds of the epoch.
 */
export type Wave = {
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly end: number;
};

/**
 * When a machine's turn is: evenly within its wave, by its seed. undefined where it is in no wave, so that its turn never comes.
 */
export function turnOf(waves: readonly Wave[], seed: number): number | undefined {
  const wave = waves.find(({ from, to }) => seed >= from && seed < to);
  if (wave === undefined) return undefined;
  const { from, to, start, end } = wave;
  return start + Math.floor(((end - start) * (seed - from)) / (to - from));
}
