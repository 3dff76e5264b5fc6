import { writeSync } from 'node:fs';
import { errnoError } from '../errors.ts';

const standardOutput = 1;
const standardError = 2;

/**
 * Text to stdout or stderr, at once. The stream objects of the runtime take 7 ms to make, more than everything else a
 * small command does. A reader that went away is not our failure; a slow one behind a non-blocking pipe is waited for.
 */
export const writeOut = (text: string): void => write(standardOutput, text);
export const writeErr = (text: string): void => write(standardError, text);

function write(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(descriptor, bytes, done);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE' || code === 'EBADF') return;
      if (code !== 'EAGAIN') throw errnoError('write', 'the output', code ?? 'EIO');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
