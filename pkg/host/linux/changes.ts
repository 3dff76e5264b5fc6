import { watch } from 'node:fs';
import { translated } from './errors.ts';

/** inotify(7) says what; callers look for themselves, so that several changes at once are one. */
export async function* changes(folder: string, signal: AbortSignal): AsyncGenerator<void> {
  let wake = (): void => {};
  let isChanged = true;
  const watcher = await translated('watch', folder, async () => watch(folder));
  const notice = (): void => {
    isChanged = true;
    wake();
  };
  watcher.on('change', notice).on('error', notice);
  signal.addEventListener('abort', notice);
  try {
    while (!signal.aborted) {
      if (!isChanged)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      if (signal.aborted) return;
      isChanged = false;
      yield;
    }
  } finally {
    signal.removeEventListener('abort', notice);
    watcher.close();
  }
}
