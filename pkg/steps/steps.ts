import { Undo } from '../undo/index.ts';
import type { Report } from './progress.ts';

/**
 * One named part of an operation. `run` is idempotent and cleans up after its own failure; `undo` takes a finished
 * run back when a later step fails.
 */
export type Step<C> = {
  readonly name: string;
  run(context: C): Promise<void>;
  undo?(context: C): Promise<void>;
};

/** Runs the steps in order; a failure undoes those that ended, newest first, and is thrown as it came. */
export async function runSteps<C>(
  context: C,
  steps: readonly Step<C>[],
  report: Report = () => {},
): Promise<void> {
  try {
    await using undo = new Undo();
    for (const [index, step] of steps.entries()) {
      report({ kind: 'step', name: step.name, index, count: steps.length });
      await step.run(context);
      if (step.undo) undo.add(() => step.undo?.(context));
    }
    undo.keep();
  } catch (error) {
    throw firstErrorOf(error, report);
  }
}

/** What failed first; what undoing said afterwards is reported and does not hide it. */
function firstErrorOf(error: unknown, report: Report): unknown {
  let first = error;
  while (first instanceof SuppressedError) {
    report({ kind: 'note', text: `undo failed: ${String(first.error)}` });
    first = first.suppressed;
  }
  return first;
}
