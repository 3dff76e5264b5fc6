import { type ErrorCode, MosError } from '../../errors/index.ts';
import { errnoName } from './syscalls.ts';

const kinds: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'not-found',
  EEXIST: 'exists',
  EACCES: 'denied',
  EPERM: 'denied',
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EROFS: 'read-only',
  EBUSY: 'busy',
  ENOSYS: 'unsupported',
  EOPNOTSUPP: 'unsupported',
  ELOOP: 'invalid',
  ENODEV: 'unsupported',
  ENOTBLK: 'unsupported',
  EUCLEAN: 'corrupt',
  EBADMSG: 'corrupt',
};

const sentences: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EEXIST: 'it exists already',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOSPC: 'no space left on the file system',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EBUSY: 'it is in use',
  ENOTDIR: 'a part of the path is no folder',
  EISDIR: 'it is a folder',
  ENOTEMPTY: 'the folder is not empty',
  ENAMETOOLONG: 'a name in it is too long',
  EFBIG: 'the file system or a limit (ulimit -f) allows no file that large',
  EMFILE: 'this program has too many open files (ulimit -n)',
  ENFILE: 'the machine has too many open files',
  ELOOP: 'a symbolic link is not followed here, or there are too many',
  EIO: 'input/output error',
  EINVAL: 'the kernel refused it (the kernel log may say why)',
  ENODEV: 'there is no such device',
  ENXIO: 'there is no such device',
  ENOTBLK: 'it is no block device',
  ENOSYS: 'this kernel has no such call',
  EUCLEAN: 'its content is damaged',
  EBADMSG: 'its content is damaged',
};

/** `cannot <verb> <subject>: <reason>` with the code that errno stands for. */
export function errnoError(verb: string, subject: string, errno: string, cause?: unknown): MosError {
  const reason = sentences[errno] ?? errno;
  return new MosError(
    kinds[errno] ?? 'io',
    `cannot ${verb} ${subject}: ${reason}`,
    cause === undefined ? {} : { cause },
  );
}

/** What a system call returned; throws where it failed. */
export function checked(
  { value, errno }: { readonly value: number; readonly errno: number },
  verb: string,
  subject: string,
): number {
  if (value < 0) throw errnoError(verb, subject, errnoName(errno));
  return value;
}

/** Runs a call of node:fs and turns its error into ours. */
export async function translated<T>(verb: string, subject: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof MosError) throw error;
    const errno = (error as NodeJS.ErrnoException).code;
    throw errno === undefined ? error : errnoError(verb, subject, errno);
  }
}
