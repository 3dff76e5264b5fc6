/** What takes a step back. */
export type UndoHook = () => unknown;

/**
 * Collects what must be taken back when a scope is left early: newest first, every hook runs, failures are gathered.
 * `keep()` says that the work is done and nothing is to be undone.
 *
 *     await using undo = new Undo();
 *     undo.add(() => host.files.remove(path));
 *     …
 *     undo.keep();
 */
export class Undo implements AsyncDisposable {
  #hooks: UndoHook[] = [];

  add(hook: UndoHook): void {
    this.#hooks.push(hook);
  }

  keep(): void {
    this.#hooks = [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const hooks = this.#hooks.reverse();
    this.#hooks = [];
    const failures: unknown[] = [];
    for (const hook of hooks) {
      try {
        await hook();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, 'several things could not be undone');
  }
}
