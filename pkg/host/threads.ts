/** A part of this program that runs on another processor. Ends with `await using`. */
export interface Thread extends AsyncDisposable {
  /** Messages are copied; the memory in `given` is not: it belongs to the thread from then on. */
  send(message: object, given?: readonly ArrayBuffer[]): void;
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
