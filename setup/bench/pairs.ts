import { measured, type Program, type Run } from './program.ts';

/** One side of a comparison. Only what `run` does is timed. */
export type Side = {
  /** Makes what a run needs, as new. */
  prepare?(): Promise<unknown>;
  run(): Promise<Run>;
  /** Removes what a run made. */
  clean?(): Promise<unknown>;
};

export type Compared<Name extends string> = Readonly<Record<Name, readonly Run[]>>;

/** A program of its own for each run. */
export const programSide = (program: () => Program, around: Omit<Side, 'run'> = {}): Side => ({
  ...around,
  run: () => measured(program()),
});

/**
 * Runs the sides in turn, a, b, a, b, so that what else the machine does meets all of them alike. The first round
 * warms up and does not count.
 */
export async function inTurn<Name extends string>(
  pairs: number,
  sides: Readonly<Record<Name, Side>>,
): Promise<Compared<Name>> {
  const entries = Object.entries(sides) as [Name, Side][];
  const runs = Object.fromEntries(entries.map(([name]) => [name, [] as Run[]])) as Record<Name, Run[]>;
  for (let round = 0; round <= pairs; round++)
    for (const [name, side] of entries) {
      await side.prepare?.();
      const run = await side.run();
      await side.clean?.();
      if (round > 0) runs[name].push(run);
    }
  return runs;
}
