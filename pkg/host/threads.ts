/** A part of this program that runs on another processor. Ends with `await using`. */
export interface Thread extends AsyncDisposable {
  /** Messages are copied, but for shared memory (SharedArrayBuffer) in them, which both have from then on. */
  send(message: object): void;
}

export type ThreadListener = {
  message(message: unknown): void;
  /** It could not begin, or broke off. Nothing comes any more. */
  failed(error: unknown): void;
};

/** What keeps a processor busy for long and needs nothing of the machine but time. */
export interface Threads {
  /** Starts `cmd/threads/<name>.ts`, which is a part of the executable. */
  start(name: string, listener: ThreadListener): Promise<Thread>;
}
