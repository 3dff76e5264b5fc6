import { MosError } from '../../errors/index.ts';
import type { Host, Thread } from '../../host/index.ts';
import type { Descriptor } from '../../oci/index.ts';
import { subjectOf } from '../frame.ts';
import { veritySalt } from '../verity.ts';
import type { FromThread } from './messages.ts';
import { type LayerWatch, RemoteWatch, watchHere } from './watch.ts';

/** Looks at layers while they pass. Ends with `await using`. */
export interface Inspection extends AsyncDisposable {
  /** Refuses a type that can't be mounted at once. `salt`: of the tree, where it is known and not ours. */
  watch(descriptor: Descriptor, salt?: Uint8Array): Promise<LayerWatch>;
}

/** What is smaller is looked at in less time than a thread takes to begin. */
const isWorthwhile = ({ size }: Descriptor): boolean => size >= 8 * 1024 * 1024;

/**
 * Trees of large layers are computed in one more thread, which is started for the first of them: hashing a layer for
 * its tree takes as long as hashing it for its digest, and both would be one after the other. Where one is among those
 * that are `expected`, it is started at once: it takes as long to begin as the registry to answer.
 */
export function openInspection(host: Host, expected: readonly Descriptor[] = []): Inspection {
  const watches = new Map<number, RemoteWatch>();
  let thread: Promise<Thread> | undefined;
  let count = 0;
  const start = (): Promise<Thread> =>
    host.threads.start('inspect-layers', {
      message: (message) => {
        const news = message as FromThread;
        watches.get(news.layer)?.take(news);
      },
      failed: (cause) => {
        const error = new MosError('internal', 'cannot look at the layers: the thread for it ended', {
          cause,
        });
        for (const watch of watches.values()) watch.fail(error);
      },
    });
  const started = (): Promise<Thread> => {
    thread ??= start();
    return thread;
  };
  if (expected.some(isWorthwhile)) started().catch(() => {}); // who watches is told
  return {
    async watch(descriptor, salt = veritySalt) {
      subjectOf(descriptor);
      if (!isWorthwhile(descriptor)) return watchHere(descriptor, salt);
      const layer = count++;
      const watch = new RemoteWatch(await started(), layer, descriptor, salt, () => watches.delete(layer));
      watches.set(layer, watch);
      return watch;
    },
    async [Symbol.asyncDispose]() {
      await (await thread)?.[Symbol.asyncDispose]();
    },
  };
}
