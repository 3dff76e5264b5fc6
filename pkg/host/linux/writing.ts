import type { promises as fs } from 'node:fs';
import type { WritableFile } from '../files.ts';
import { translated } from './errors.ts';
import { ChunkGarbage } from './garbage.ts';

/** So many bytes are gathered before they are sent to the disk early. */
const earlyStep = 8 * 1024 * 1024;

/** A file written from `start`; it closes itself when the disposal comes. */
export function openedForWriting(
  path: string,
  file: fs.FileHandle,
  start: number,
  early: boolean,
): WritableFile {
  let size = start;
  const disk = early ? earlySync(file) : undefined;
  const chunks = new ChunkGarbage(start);
  return {
    get size() {
      return size;
    },
    write: (chunk) =>
      translated('write', path, async () => {
        for (let done = 0; done < chunk.length; ) {
          const { bytesWritten } = await file.write(chunk, done, chunk.length - done, size);
          done += bytesWritten;
          size += bytesWritten;
        }
        disk?.wrote(size);
        chunks.passed(size);
      }),
    sync: () =>
      translated('sync', path, async () => {
        await disk?.settled();
        await file.sync();
      }),
    async [Symbol.asyncDispose]() {
      await disk?.settled().catch(() => {});
      await file.close();
    },
  };
}

/**
 * fdatasync(2) in the background, one at a time. The kernel tells a write error to one sync only, so what an early one
 * met is kept for the last.
 */
function earlySync(file: fs.FileHandle): { wrote(size: number): void; settled(): Promise<void> } {
  let last = 0;
  let running: Promise<void> | undefined;
  let failed: { readonly error: unknown } | undefined;
  return {
    wrote(size) {
      if (running !== undefined || size - last < earlyStep) return;
      last = size;
      running = file
        .datasync()
        .catch((error: unknown) => {
          failed ??= { error };
        })
        .finally(() => {
          running = undefined;
        });
    },
    async settled() {
      await running;
      if (failed !== undefined) throw failed.error;
    },
  };
}
