/** A loop device in use. `offset` and `sizeLimit` in bytes, 0 is the whole file. */
export type LoopDevice = {
  readonly device: string;
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
  readonly autoclear?: boolean;
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
  readonly uuid: string;
  readonly device: string;
  readonly openCount: number;
};

export interface Devices {
  /** Loop devices in use, read from sysfs. */
  loops(): Promise<readonly LoopDevice[]>;
  loopAttach(file: string, options?: LoopOptions): Promise<string>;
  loopDetach(device: string): Promise<void>;

  /** False where the kernel has no device-mapper. */
  hasDeviceMapper(): Promise<boolean>;
  dmList(): Promise<readonly DmDevice[]>;
  /** The active table, or the status lines with `status`. */
  dmTable(name: string, options?: { readonly status?: boolean }): Promise<readonly DmTarget[]>;
  /** Creates, loads, resumes; returns the device node (made by us where no udev does). */
  dmCreate(
    name: string,
    uuid: string,
    table: readonly DmTarget[],
    options?: { readonly readOnly?: boolean },
  ): Promise<string>;
  dmRemove(name: string, options?: { readonly deferred?: boolean }): Promise<void>;

  /** finit_module(2); `exists` is no error. */
  loadModule(path: string, parameters?: string): Promise<void>;
}
