import type { Change } from '../manifest/index.ts';
import { type Report, runSteps, type Step } from '../steps/index.ts';
import type { EspBytes } from './boot-files/index.ts';
import type { ImportBytes } from './images.ts';

/** A step of an operation. What has `changes` is left out by `--plan`, what has `esp` on a machine without an ESP. */
export type OperationStep<C> = Step<C> & { readonly changes?: true; readonly esp?: true };

/** What an operation would do; `--plan` prints it. */
export type OperationPlan = {
  readonly operation: string;
  readonly reference: string | null;
  /** Those that would change something, in their order. */
  readonly steps: readonly string[];
  readonly bytes: ImportBytes;
  /** On a machine that boots from an ESP: what comes to it and goes. */
  readonly esp?: EspBytes;
  readonly changes: readonly Change[];
};

export const stepsWith = <C>(steps: readonly OperationStep<C>[], hasEsp: boolean): OperationStep<C>[] =>
  steps.filter(({ esp }) => hasEsp || esp === undefined);

/** Runs all steps; with `planOnly` those alone that only read. */
export const runOperation = <C>(
  context: C,
  steps: readonly OperationStep<C>[],
  report: Report,
  planOnly = false,
): Promise<void> => runSteps(context, planOnly ? steps.filter((step) => !step.changes) : steps, report);

export const changingSteps = <C>(steps: readonly OperationStep<C>[]): string[] =>
  steps.filter((step) => step.changes).map(({ name }) => name);
