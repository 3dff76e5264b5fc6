import type { IdRange } from './mounts.ts';

/** What stat(2) says, links not followed. Sizes in bytes, mode without the type bits. */
export type FileStat = {
  readonly type: 'file' | 'directory' | 'symlink' | 'block' | 'character' | 'fifo' | 'socket';
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeMs: number;
  /** Changes with every write and every change of name, owner or mode; nobody can set it back. */
  readonly ctimeMs: number;
  readonly inode: number;
  readonly device: number;
  readonly deviceNumber: number;
};

/** Room on a file system for an ordinary writer, in bytes and inodes; a file takes whole blocks, which are clusters on FAT. */
export type Space = {
  readonly free: number;
  readonly total: number;
  readonly freeInodes: number;
  readonly block: number;
};

/** A file being read at any place. Ends with `await using`. */
export interface ReadableFile extends AsyncDisposable {
  readonly size: number;
  /** Fills `into` from `position`; returns how many bytes there were (0 at the end). */
  read(into: Uint8Array, position: number): Promise<number>;
}

/** A file being written from its front, or from its end when it was opened to go on. Ends with `await using`. */
export interface WritableFile extends AsyncDisposable {
  /** Bytes in the file now. */
  readonly size: number;
  write(chunk: Uint8Array): Promise<void>;
  /** fsync(2) */
  sync(): Promise<void>;
}

export type OpenOptions = {
  /** A symbolic link at the end of the path is refused (`invalid`), as for what may come from strangers. */
  readonly noFollow?: boolean;
};

export type WriteOptions = {
  /** A large file that will be synced: its bytes go to the disk while it is being written, so that the sync is short. */
  readonly early?: boolean;
  /** Held alone (flock on the file itself) until it is closed, however the process ends; `busy` when another has it. */
  readonly hold?: boolean;
};

export type LockOptions = {
  /** How long to wait for another owner, in milliseconds; 0: not at all. */
  readonly wait: number;
  /** Who we are, for the other one's message: `mosctl update`. */
  readonly owner: string;
  /** Shared with others who say so too; without it exclusive. */
  readonly shared?: boolean;
};

/**
 * Files of the machine. Paths are absolute. Each method is one system call or close to it, so that a test can stop
 * between any two of them; `atomic.ts` has what is composed of them. Failures are MosErrors: `not-found`, `exists`,
 * `denied`, `no-space`, `read-only`, else `io`.
 */
export interface Files {
  read(path: string): Promise<Uint8Array>;
  open(path: string, options?: OpenOptions): Promise<ReadableFile>;
  /**
   * The bytes from `start` (default 0) to before `end` (default: the end) in pieces of at most 1 MiB. With `reuse` in
   * pieces of so many bytes, in three buffers in turn: one is good until the next but one is asked for.
   */
  stream(
    path: string,
    options?: OpenOptions & { readonly start?: number; readonly end?: number; readonly reuse?: number },
  ): AsyncIterable<Uint8Array>;
  /** undefined where there is nothing. */
  stat(path: string): Promise<FileStat | undefined>;
  /** Names in a folder, sorted by bytes. */
  list(path: string): Promise<string[]>;
  readLink(path: string): Promise<string>;
  realPath(path: string): Promise<string>;
  /**
   * The real path of `path` as it is seen with `root` as the root folder: links, "..", and absolute names stay below
   * it (openat2(2), RESOLVE_IN_ROOT). `not-found` where it isn't there. Only of a root in our mount namespace: elsewhere
   * the path that comes back is one of there.
   */
  pathBelow(root: string, path: string): Promise<string>;
  /** What lies at `path` in the same sense, also where `root` is /proc/PID/root of another namespace. */
  statBelow(root: string, path: string): Promise<FileStat | undefined>;
  /** An extended attribute, links not followed; undefined where it isn't there. */
  extendedAttribute(path: string, name: string): Promise<Uint8Array | undefined>;
  space(path: string): Promise<Space>;
  /** Once at the beginning, then whenever names in the folder came or went, or a file there was written; ends by the signal. */
  changes(folder: string, signal: AbortSignal): AsyncIterable<void>;

  /** With `parents`, what is missing above is made too and an existing folder is no error. */
  makeFolder(path: string, options?: { readonly mode?: number; readonly parents?: boolean }): Promise<void>;
  /** A new file (O_EXCL). mode defaults to 0644. */
  create(path: string, options?: WriteOptions & { readonly mode?: number }): Promise<WritableFile>;
  /** An existing file, to write on at its end after it was cut to `size`. */
  resume(path: string, size: number, options?: WriteOptions): Promise<WritableFile>;
  /** Bytes at a place of an existing file or block device, synced; its length stays. */
  writeAt(path: string, position: number, bytes: Uint8Array): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  link(from: string, to: string): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  /** A file or link; one that isn't there is no error. */
  remove(path: string): Promise<void>;
  /** An empty folder. */
  removeFolder(path: string): Promise<void>;
  /** Everything at and below the path; `busy`, and nothing is removed, where something is mounted there. Nothing there is no error. */
  removeTree(path: string): Promise<void>;
  /**
   * A new folder with everything that is in the other one, all attributes and hard links too, as files of other ids: 0 becomes
   * `ids.start` and so on, what lies outside of the range belongs to nobody.
   */
  copyTree(from: string, to: string, ids: IdRange): Promise<void>;
  /** Keeps the last `keep` bytes of a file that others may add to meanwhile; what they add just then may be lost. */
  keepEnd(path: string, keep: number): Promise<void>;
  setMode(path: string, mode: number): Promise<void>;
  setOwner(path: string, uid: number, gid: number): Promise<void>;
  /** Takes FS_IMMUTABLE_FL (ioctl_iflags(2)) from a file, which keeps even root from removing it. */
  makeMutable(path: string): Promise<void>;
  /** fsync(2) of a folder: makes renames, new and removed names in it durable. */
  syncFolder(path: string): Promise<void>;
  /**
   * flock(2) on a file that is made when missing and never removed; freed when the process ends however it ends.
   * `busy` names the present owner when the wait is over.
   */
  lock(path: string, options: LockOptions): Promise<AsyncDisposable>;
}
