/**
 * `make crash` tries every point (CRASH_POINTS=all); `make test` so many of each operation, spread evenly, the first
 * and the last one among them.
 */
const wanted = process.env.CRASH_POINTS ?? '6';

export function chosenPoints(count: number, share = 1): number[] {
  const most = wanted === 'all' ? count : Math.max(2, Math.round(Number(wanted) * share));
  if (most >= count) return Array.from({ length: count }, (_, index) => index + 1);
  const step = (count - 1) / (most - 1);
  return Array.from({ length: most }, (_, index) => 1 + Math.round(index * step));
}

/** Two at a time: half of each point is waiting for a git. The first failure ends it. */
export async function forEachPoint(
  points: readonly number[],
  run: (point: number) => Promise<void>,
): Promise<void> {
  const left = [...points];
  let failed = false;
  const worker = async (): Promise<void> => {
    for (let point = left.shift(); point !== undefined && !failed; point = left.shift())
      await run(point).catch((error: unknown) => {
        failed = true;
        throw error;
      });
  };
  const ended = await Promise.allSettled([worker(), worker()]);
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
}
