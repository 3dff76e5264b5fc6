import type { Host } from '../host.ts';
import { linuxClock } from './clock.ts';
import { linuxDevices } from './devices.ts';
import { linuxFiles } from './files.ts';
import { linuxMachine } from './machine.ts';
import { linuxMounts } from './mounts.ts';
import { linuxNetwork } from './network.ts';
import { linuxProcesses } from './processes.ts';
import { linuxThreads } from './threads.ts';

/** The real machine. */
export const linuxHost: Host = {
  files: linuxFiles,
  processes: linuxProcesses,
  mounts: linuxMounts,
  devices: linuxDevices,
  clock: linuxClock,
  machine: linuxMachine,
  threads: linuxThreads,
  network: linuxNetwork,
};
