import { constants, promises as fs } from 'node:fs';
import { constants as os } from 'node:os';
import { isMosError, MosError } from '../../errors/index.ts';
import type { LockOptions } from '../files.ts';
import { errnoError, translated } from './errors.ts';
import { type Libc, libc } from './libc/index.ts';
import { errnoName, syscalls } from './syscalls.ts';

/** flock(2) operations, linux/fcntl.h */
const lockShared = 1;
const lockExclusive = 2;
const lockNonBlocking = 4;
const pollMilliseconds = 25;

/** Takes the lock or fails with `busy` when the wait is over; the file then names its owner for the next one. */
export async function lockFile(path: string, options: LockOptions): Promise<AsyncDisposable> {
  const calls = await libc();
  const file = await openLock(path);
  try {
    await acquire(calls, file, path, options);
    if (!options.shared) await nameOwner(file, path, `${options.owner} (process ${process.pid})\n`);
  } catch (error) {
    await file.close();
    throw error;
  }
  return {
    [Symbol.asyncDispose]: async () => {
      await file.close();
      wakeNext(path);
    },
  };
}

/** Holds an open file alone; one that another holds, or that lost its name meanwhile, is closed again. */
export async function holdFile(file: fs.FileHandle, path: string): Promise<void> {
  try {
    const { value, errno } = (await libc()).call(syscalls.flock, file.fd, lockExclusive | lockNonBlocking);
    if (value !== 0 && errno === os.errno.EWOULDBLOCK)
      throw new MosError('busy', `cannot write ${path}: another process is writing it`);
    if (value !== 0) throw errnoError('lock', path, errnoName(errno));
    const [held, named] = await Promise.all([file.stat(), fs.lstat(path)]);
    if (held.ino !== named.ino || held.dev !== named.dev) throw errnoError('open', path, 'ENOENT');
  } catch (error) {
    await file.close();
    throw error;
  }
}

const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;

/** Not through a link: the owner's name is written into the file. */
const openLock = (path: string): Promise<fs.FileHandle> =>
  translated('open the lock', path, () => fs.open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0o644));

async function acquire(calls: Libc, file: fs.FileHandle, path: string, options: LockOptions): Promise<void> {
  const operation = (options.shared ? lockShared : lockExclusive) | lockNonBlocking;
  const deadline = performance.now() + options.wait;
  for (;;) {
    const { value, errno } = calls.call(syscalls.flock, file.fd, operation);
    if (value === 0) return;
    if (errno !== os.errno.EWOULDBLOCK && errno !== os.errno.EINTR)
      throw errnoError('lock', path, errnoName(errno));
    if (performance.now() >= deadline) throw busy(path, await fs.readFile(path, 'utf8').catch(() => ''));
    await untilMaybeFree(path);
  }
}

/** Those of this process that wait, by the path of the lock. */
const waiters = new Map<string, Set<() => void>>();

/** Polls are for other processes: what this one gives back itself is handed on at once. */
function untilMaybeFree(path: string): Promise<void> {
  const others = waiters.get(path) ?? new Set();
  waiters.set(path, others);
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      others.delete(wake);
      if (others.size === 0) waiters.delete(path);
      resolve();
    };
    const timer = setTimeout(wake, pollMilliseconds);
    others.add(wake);
  });
}

/** Who waits longest; where another process was quicker, all go on polling. */
function wakeNext(path: string): void {
  const [first] = waiters.get(path) ?? [];
  first?.();
}

const busy = (path: string, owner: string): MosError =>
  new MosError('busy', `cannot lock ${path}: ${owner.trim() || 'another process'} holds it`, {
    hint: 'wait until it has ended and try again',
  });

/** For the next one's message. A full disk has no room for it: who makes room takes locks too. */
async function nameOwner(file: fs.FileHandle, path: string, text: string): Promise<void> {
  try {
    await translated('write', path, async () => {
      await file.truncate(0);
      await file.write(text);
    });
  } catch (error) {
    if (!isMosError(error, 'no-space')) throw error;
  }
}
