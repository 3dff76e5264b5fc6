import { type ErrorCode, MosError } from '../../errors/index.ts';

/** Failures of a connection after which the same request may be tried again. */
const transient = new WeakSet<object>();

export function transientError(code: ErrorCode, message: string, cause?: unknown): MosError {
  const error = new MosError(code, message, cause === undefined ? {} : { cause });
  transient.add(error);
  return error;
}

export const isTransient = (error: unknown): error is MosError =>
  error instanceof MosError && transient.has(error);

/** What came from somewhere else (the source of an upload) is no reason to ask this registry again. */
export function permanent<T>(error: T): T {
  if (typeof error === 'object' && error !== null) transient.delete(error);
  return error;
}
