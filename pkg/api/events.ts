import type { Clock } from '../host/index.ts';
import type { JobEvent } from './jobs/index.ts';

/** How often a line is sent when nothing happens, in milliseconds: so that both sides see when the other is gone. */
const beat = 15_000;

/** Server-sent events (HTML Living Standard 9.2): `job` and `progress`, one JSON value each. */
export async function* renderEvents(
  events: AsyncIterable<JobEvent>,
  clock: Pick<Clock, 'sleep'>,
): AsyncGenerator<string, void, undefined> {
  const iterator = events[Symbol.asyncIterator]();
  let next = iterator.next();
  try {
    for (;;) {
      const stop = new AbortController();
      const quiet = clock.sleep(beat, stop.signal).catch(() => undefined);
      const result = await Promise.race([next, quiet]);
      stop.abort();
      if (result === undefined) yield ':\n\n';
      else if (result.done) return;
      else {
        yield renderEvent(result.value);
        next = iterator.next();
      }
    }
  } finally {
    void iterator.return?.();
  }
}

const renderEvent = (event: JobEvent): string =>
  `event: ${event.kind}\ndata: ${JSON.stringify(event.kind === 'job' ? event.job : event.progress)}\n\n`;
