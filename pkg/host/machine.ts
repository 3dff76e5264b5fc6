/** Who is at the other end of a Unix socket, as the kernel says it. */
export type Peer = {
  readonly process: number;
  readonly uid: number;
  /** Its own group first, then the others it is in. */
  readonly groups: readonly number[];
};

export interface Machine {
  /** SO_PEERCRED and SO_PEERGROUPS, unix(7); `descriptor` is that of the connected socket. */
  peer(descriptor: number): Promise<Peer>;
  /** A new one at each boot; /proc/sys/kernel/random/boot_id */
  bootId(): Promise<string>;
  /** `x86_64` or `aarch64` */
  readonly architecture: string;
  kernelRelease(): Promise<string>;
  /**
   * A number of the network namespace that we are in: no other one has it until the next boot, unlike the inode of its file, which
   * the kernel gives to another one later. SO_NETNS_COOKIE, socket(7); undefined before Linux 5.14.
   */
  networkCookie(): Promise<string | undefined>;
  /** Our effective user id. */
  readonly uid: number;
  readonly pid: number;
  /** The words that start this program again. */
  program(): readonly [string, ...string[]];
  /** A variable of our own environment. Nothing that decides about trust may ask for one. */
  environment(name: string): string | undefined;
}
