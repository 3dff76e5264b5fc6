/** What became of one request of a round. */
export type Outcome<R> = { readonly value: R } | { readonly error: unknown };

type Asked<T, R> = {
  readonly request: T;
  readonly resolve: (value: R) => void;
  readonly reject: (error: unknown) => void;
};

/** Work that is dear and can be done for many at once: what is asked for while one round is under way is all done in the next one. */
export class Rounds<T, R> {
  readonly #work: (requests: readonly T[]) => Promise<readonly Outcome<R>[]>;
  #waiting: Asked<T, R>[] = [];
  #isRunning = false;

  /** `work` answers each of the requests, in their order; where it throws, that is the answer to all of them. */
  constructor(work: (requests: readonly T[]) => Promise<readonly Outcome<R>[]>) {
    this.#work = work;
  }

  ask(request: T): Promise<R> {
    const answer = new Promise<R>((resolve, reject) => this.#waiting.push({ request, resolve, reject }));
    if (!this.#isRunning) void this.#run();
    return answer;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const round = this.#waiting;
      this.#waiting = [];
      await this.#answer(round);
    }
    this.#isRunning = false;
  }

  async #answer(round: readonly Asked<T, R>[]): Promise<void> {
    try {
      const outcomes = await this.#work(round.map(({ request }) => request));
      for (const [index, { resolve, reject }] of round.entries()) {
        const outcome = outcomes[index];
        if (outcome !== undefined && 'value' in outcome) resolve(outcome.value);
        else reject(outcome?.error);
      }
    } catch (error) {
      for (const { reject } of round) reject(error);
    }
  }
}
