import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';

export type QuickHost = Host & {
  /** What was slept, in milliseconds; none of it really. */
  readonly sleeps: number[];
};

/** The real machine without its environment, on which sleeping takes no time. */
export function quickHost(environment: Readonly<Record<string, string>> = {}): QuickHost {
  const sleeps: number[] = [];
  return {
    ...linuxHost,
    machine: { ...linuxHost.machine, environment: (name) => environment[name] },
    clock: {
      ...linuxHost.clock,
      sleep: async (milliseconds, signal) => {
        signal?.throwIfAborted();
        sleeps.push(milliseconds);
      },
    },
    sleeps,
  };
}
