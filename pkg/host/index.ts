export {
  folderOf,
  listIfThere,
  readRuntime,
  readText,
  readTextIfThere,
  sweepTemporary,
  temporaryMark,
  temporaryPath,
  writeAtomic,
  writeRuntime,
} from './atomic.ts';
export type { Clock } from './clock.ts';
export type {
  Devices,
  DmCreateOptions,
  DmDevice,
  DmTarget,
  HeldDevice,
  LoopDevice,
  LoopOptions,
  TpmDevice,
} from './devices.ts';
export type { FileStat, Files, LockOptions, ReadableFile, Space, WritableFile } from './files.ts';
export type { Host } from './host.ts';
export type { Machine, Peer } from './machine.ts';
export { parseMountInfo } from './mountinfo.ts';
export type { IdRange, MountCall, MountEntry, MountFlag, Mounts } from './mounts.ts';
export { mutations } from './mutations.ts';
export type { BroadcastSocket, Network } from './network.ts';
export type { Processes, RunOptions, RunResult } from './processes.ts';
export type { Thread, Threads } from './threads.ts';
