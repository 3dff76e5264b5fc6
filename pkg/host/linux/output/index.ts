import { writeSync } from 'node:fs';
import { errnoError } from '../errors.ts';

const standardOutput = 1;
const standardError = 2;

/**
 * A result to stdout, at once. The stream objects of the runtime take 7 ms to make, more than everything else a small
 * command does. A reader that went away is not our failure; a slow one behind a non-blocking pipe is waited for.
 */
export function writeOut(text: string): void {
  const code = write(standardOutput, text);
  if (code !== undefined && !hasNoReader(code)) throw errnoError('write', 'the output', code);
}

/** Progress and messages to stderr. A full disk below a log must not end the work, nor hide its exit code: they are lost. */
export const writeErr = (text: string): void => void write(standardError, text);

const hasNoReader = (code: string): boolean => code === 'EPIPE' || code === 'EBADF';

/** Returns why not all was written. */
function write(descriptor: number, text: string): string | undefined {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(descriptor, bytes, done);
    } catch (error) {
      const { code = 'EIO' } = error as NodeJS.ErrnoException;
      if (code !== 'EAGAIN') return code;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
  return undefined;
}
