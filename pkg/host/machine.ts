export interface Machine {
  /** A new one at each boot; /proc/sys/kernel/random/boot_id */
  bootId(): Promise<string>;
  /** `x86_64` or `aarch64` */
  readonly architecture: string;
  kernelRelease(): Promise<string>;
  /** Our effective user id. */
  readonly uid: number;
  readonly pid: number;
  /** The words that start this program again. */
  program(): readonly [string, ...string[]];
  /** A variable of our own environment. Nothing that decides about trust may ask for one. */
  environment(name: string): string | undefined;
}
