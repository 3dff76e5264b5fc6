import { isMosError } from '../../errors/index.ts';

/** What is not there, and what is no such thing, is undefined; other failures stay failures. */
export async function orUndefined<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isMosError(error, 'not-found') || isMosError(error, 'invalid') || isMosError(error, 'usage'))
      return undefined;
    throw error;
  }
}
