import type { FileStat } from './files.ts';

/**
 * A block device that we hold open. What vanishes with its last user (autoclear loops, dm devices whose removal is
 * deferred) lives at least until this is given back; a mount or a device above it then holds it on.
 */
export interface HeldDevice extends AsyncDisposable {
  /** The node, `/dev/loop3`. */
  readonly device: string;
  /** `7:3` */
  readonly number: string;
}

/** A loop device in use. `offset` and `sizeLimit` in bytes, 0 is the whole file. */
export type LoopDevice = {
  readonly device: string;
  /** The path as the kernel tells it; ` (deleted)` behind it when the name is gone. */
  readonly file: string;
  readonly offset: number;
  readonly sizeLimit: number;
  readonly readOnly: boolean;
  readonly autoclear: boolean;
};

export type LoopOptions = {
  readonly offset?: number;
  readonly sizeLimit?: number;
  readonly readOnly?: boolean;
  /** The kernel frees the device when its last user ends, ours included. */
  readonly autoclear?: boolean;
  /** The file as it was when it was checked; another one, or a changed one, is refused with `corrupt`. */
  readonly expected?: FileStat;
};

/** One line of a device-mapper table; start and length in sectors of 512 bytes. */
export type DmTarget = {
  readonly start: number;
  readonly length: number;
  readonly type: string;
  readonly parameters: string;
};

export type DmDevice = {
  readonly name: string;
  /** `253:0` */
  readonly number: string;
};

export type DmCreateOptions = {
  readonly readOnly?: boolean;
  /** The kernel removes the device when its last user ends, ours included. */
  readonly removeWithLastUser?: boolean;
};

/** The TPM as long as we use it: what is loaded and not kept goes with it. */
export interface TpmDevice extends AsyncDisposable {
  /** One command (TPM 2.0 Library, Part 3) as bytes, to the bytes of its response. A mutation, whichever it is. */
  send(command: Uint8Array): Promise<Uint8Array>;
}

export interface Devices {
  /** Loop devices in use, read from sysfs. */
  loops(): Promise<readonly LoopDevice[]>;
  loopAttach(file: string, options?: LoopOptions): Promise<HeldDevice>;
  loopDetach(device: string): Promise<void>;
  /** The inode behind a loop device, undefined where it is free. */
  loopBacking(number: string): Promise<{ readonly device: number; readonly inode: number } | undefined>;

  /** False where the kernel has no device-mapper. */
  hasDeviceMapper(): Promise<boolean>;
  dmList(): Promise<readonly DmDevice[]>;
  /** The active table, or the status lines with `status`; undefined where there is no such device. */
  dmTable(name: string, options?: { readonly status?: boolean }): Promise<readonly DmTarget[] | undefined>;
  /**
   * Creates, loads, resumes and opens; the node is made by us where neither the kernel nor udev does. A device of
   * that name is an `exists`, but one without a table is the leftover of a process that died, and is replaced.
   */
  dmCreate(
    name: string,
    uuid: string,
    table: readonly DmTarget[],
    options?: DmCreateOptions,
  ): Promise<HeldDevice>;
  /** Holds an existing device; undefined where there is none (any more). */
  dmOpen(name: string): Promise<HeldDevice | undefined>;
  /** False where there was none. `deferred`: when it is in use, the kernel removes it with its last user. */
  dmRemove(name: string, options?: { readonly deferred?: boolean }): Promise<boolean>;

  /** `unsupported` where there is no TPM 2.0. */
  openTpm(): Promise<TpmDevice>;

  /**
   * Starts the watchdog of the hardware: it resets the machine unless somebody takes it over within that many seconds,
   * and goes on feeding it. False where there is none.
   */
  startWatchdog(seconds: number): Promise<boolean>;

  /** finit_module(2); a module that is there already is no error. */
  loadModule(path: string, parameters?: string): Promise<void>;
}
