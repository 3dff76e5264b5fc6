export type RunOptions = {
  readonly input?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** The whole environment of the program besides PATH and LC_ALL=C; nothing is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Milliseconds; default ten minutes, 0: as long as it takes. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  /** Exit codes besides 0 that are an answer and no failure. */
  readonly accept?: readonly number[];
};

export type RunResult = { readonly stdout: Uint8Array; readonly stderr: string; readonly exitCode: number };

/**
 * External programs: an argv array each, no shell. A failure is a MosError (`not-found` where the program is
 * missing, `timeout`, else `io`) with the last kilobyte of what it said on stderr.
 */
export interface Processes {
  /** A program that only reads. */
  query(argv: readonly [string, ...string[]], options?: RunOptions): Promise<RunResult>;
  /** A program that changes something: one mutation. */
  run(argv: readonly [string, ...string[]], options?: RunOptions): Promise<RunResult>;
  /** A program on our own terminal, for a person; returns its exit code, 128 and its number where a signal ended it. */
  attend(argv: readonly [string, ...string[]], options?: Pick<RunOptions, 'env' | 'cwd'>): Promise<number>;
  /**
   * A program that goes on when we end, in a session of its own, with nothing on stdin. What it says is added to the
   * file `output`, else dropped. Returns when it was started; `ended` is settled when it has ended while we are there.
   */
  leave(
    argv: readonly [string, ...string[]],
    options?: Pick<RunOptions, 'env'> & { readonly output?: string },
  ): Promise<{ readonly ended: Promise<void> }>;
}
