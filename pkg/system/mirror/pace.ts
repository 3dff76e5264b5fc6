import { MosError } from '../../errors/index.ts';
import type { Clock } from '../../host/index.ts';

/** When a mirror is no help any more; milliseconds. */
export type Pace = {
  readonly connect: number;
  /** Without a byte. */
  readonly idle: number;
  /** So long we wait for `least` bytes, again and again; what we do with them in between doesn't count. */
  readonly window: number;
  readonly least: number;
};

export const usualPace: Pace = { connect: 3000, idle: 5000, window: 5000, least: 1024 * 1024 };

/** Passes a body on as long as it comes quickly enough: who sends a byte now and then must not hold an update up. */
export async function* paced(
  body: AsyncIterable<Uint8Array>,
  pace: Pace,
  clock: Pick<Clock, 'monotonic'>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let waited = 0;
  let got = 0;
  let since = clock.monotonic();
  for await (const chunk of body) {
    waited += clock.monotonic() - since;
    got += chunk.length;
    if (waited > pace.window) {
      if (got < pace.least)
        throw new MosError('timeout', `it sends ${got} bytes in ${Math.round(waited / 1000)} s`);
      waited = 0;
      got = 0;
    }
    yield chunk;
    since = clock.monotonic();
  }
}
