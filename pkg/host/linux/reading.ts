import { closeSync, constants, promises as fs, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { MosError } from '../../errors/index.ts';
import type { OpenOptions } from '../files.ts';

/** Nothing that is read into memory whole is larger: initrds and EFI files are the largest. */
const mostWhole = 512 * 1024 * 1024;

/** A pipe given by the caller, as by `--ca <(…)` of a shell: somebody writes into it. */
const isGiven = (path: string): boolean => /^\/(dev|proc)\//.test(path);

/** Without O_NONBLOCK a pipe that somebody left in place of a file would stop us for ever (fifo(7)). */
const flagsFor = (path: string, { noFollow = false }: OpenOptions = {}): number =>
  constants.O_RDONLY | (noFollow ? constants.O_NOFOLLOW : 0) | (isGiven(path) ? 0 : constants.O_NONBLOCK);

export async function openForReading(
  verb: string,
  path: string,
  options?: OpenOptions,
): Promise<{ readonly file: fs.FileHandle; readonly size: number }> {
  const file = await fs.open(path, flagsFor(path, options));
  try {
    const found = fstatSync(file.fd);
    requireFile(verb, path, found);
    return { file, size: found.size };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** What is read at once, in place of a wait for another thread, which takes longer than the reading. */
export const smallSize = 64 * 1024;

/** The bytes of a small file; undefined for all else, and where somebody may have to be waited for. */
export function readSmall(verb: string, path: string, options?: OpenOptions): Buffer | undefined {
  if (isGiven(path)) return undefined;
  const file = openSync(path, flagsFor(path, options));
  try {
    const found = fstatSync(file);
    requireFile(verb, path, found);
    const isSmall = found.isFile() && found.size > 0 && found.size <= smallSize;
    return isSmall ? readFileSync(file) : undefined;
  } finally {
    closeSync(file);
  }
}

/** Small files mostly, a dozen at each boot: four calls at once are quicker than four waits. */
export function readWhole(path: string): Buffer {
  const file = openSync(path, flagsFor(path));
  try {
    const found = fstatSync(file);
    requireFile('read', path, found);
    if (found.size > mostWhole)
      throw new MosError('invalid', `cannot read ${path}: it has ${found.size} bytes, more than make sense`);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

function requireFile(verb: string, path: string, found: Stats): void {
  if (!isGiven(path) && (found.isFIFO() || found.isSocket() || found.isCharacterDevice()))
    throw new MosError('invalid', `cannot ${verb} ${path}: it is no file`);
}
