import { isMosError } from '../../errors/index.ts';

/** undefined where a path of the image leads to nothing in it. */
export async function ifThere<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (isMosError(error, 'not-found') || isMosError(error, 'invalid')) return undefined;
    throw error;
  }
}
