import type { Clock } from './clock.ts';
import type { Devices } from './devices.ts';
import type { Files } from './files.ts';
import type { Machine } from './machine.ts';
import type { Mounts } from './mounts.ts';
import type { Network } from './network.ts';
import type { Processes } from './processes.ts';
import type { Threads } from './threads.ts';

/** The one door to the world: the first argument of everything with effects. */
export interface Host {
  readonly files: Files;
  readonly processes: Processes;
  readonly mounts: Mounts;
  readonly devices: Devices;
  readonly clock: Clock;
  readonly machine: Machine;
  readonly threads: Threads;
  readonly network: Network;
}
