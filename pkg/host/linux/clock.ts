import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../clock.ts';

export const linuxClock: Clock = {
  now: () => new Date(),
  monotonic: () => performance.now(),
  sleep: (milliseconds, signal) => wait(milliseconds, undefined, signal === undefined ? {} : { signal }),
};
