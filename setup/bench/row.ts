import type { Run } from './program.ts';

/** One line of the table: our work beside somebody else's, in the same unit. */
export type Row = {
  readonly work: string;
  readonly against: string;
  readonly unit: 'ms' | 's' | 'MiB' | '%' | 'µs' | 'failed';
  readonly ours: readonly number[];
  /** Empty where there is nobody to compare with. */
  readonly theirs: readonly number[];
  /** The largest ratio that is good enough; undefined for a line that only informs. */
  readonly goal?: number | undefined;
  /** The largest median of ours, where that has a limit of its own. */
  readonly limit?: number | undefined;
};

/** What a group of rows gets. `folder` is on the file system of build/, new and empty. */
export type Context = {
  readonly pairs: number;
  readonly folder: string;
  readonly say: (text: string) => void;
  /** Hooks run at the end, newest first. */
  teardown(hook: () => unknown): void;
};

export type Group = { readonly name: string; run(context: Context): Promise<readonly Row[]> };

export const milliseconds = (runs: readonly Run[]): number[] => runs.map((run) => run.milliseconds);
export const seconds = (runs: readonly Run[]): number[] => runs.map((run) => run.milliseconds / 1000);
export const mebibytes = (runs: readonly Run[]): number[] => runs.map((run) => run.mebibytes);

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export const ratioOf = ({ ours, theirs }: Row): number => median(ours) / median(theirs);

/** undefined without a goal or limit. */
export function isMet(row: Row): boolean | undefined {
  const { goal, limit, ours } = row;
  if (goal === undefined && limit === undefined) return undefined;
  return (goal === undefined || ratioOf(row) <= goal) && (limit === undefined || median(ours) <= limit);
}
