export interface Clock {
  now(): Date;
  /** Milliseconds since some fixed moment; never goes back. */
  monotonic(): number;
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}
