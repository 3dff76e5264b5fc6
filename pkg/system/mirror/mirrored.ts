import { isMosError, messageOf } from '../../errors/index.ts';
import type { Clock } from '../../host/index.ts';
import {
  type Descriptor,
  type ImageSource,
  isDocument,
  type ReadOptions,
  readVerified,
} from '../../oci/index.ts';
import type { Report } from '../../steps/index.ts';
import { type Pace, paced } from './pace.ts';

/** A source that asks mirrors first. */
export type MirroredSource = ImageSource & {
  /**
   * What came was not what was named: mirrors that gave bytes are asked no more. False where none did, so that asking
   * again would bring the same.
   */
  leaveMirrors(): boolean;
};

/**
 * Images by their digests, from mirrors where they have them, from `origin` where they have not, lie, break or are slow:
 * what a mirror began is gone on with from there. Names are the origin's: a mirror is asked for bytes, and they decide.
 */
export function mirrored(
  origin: ImageSource,
  mirrors: readonly ImageSource[],
  {
    pace,
    clock,
    report,
  }: { readonly pace: Pace; readonly clock: Pick<Clock, 'monotonic'>; readonly report: Report },
): MirroredSource {
  const willing = new Set(mirrors);
  const gave = new Set<ImageSource>();
  const leave = (mirror: ImageSource, why: string): void => {
    if (willing.delete(mirror))
      report({ kind: 'note', text: `warning: the mirror ${mirror.name} is left: ${why}` });
  };
  /** What it does not have is no fault. */
  const judge = (mirror: ImageSource, error: unknown, { signal }: ReadOptions = {}): void => {
    signal?.throwIfAborted();
    if (!isMosError(error)) throw error;
    if (error.code !== 'not-found') leave(mirror, messageOf(error));
  };
  async function* open(descriptor: Descriptor, options?: ReadOptions): AsyncGenerator<Uint8Array> {
    for (const mirror of isDocument(descriptor) ? [...willing] : [])
      try {
        const body = paced(mirror.open(descriptor, options), pace, clock);
        const bytes = await readVerified(descriptor, body);
        yield bytes;
        return;
      } catch (error) {
        judge(mirror, error, options);
      }
    yield* origin.open(descriptor, options);
  }
  const rest = origin.openRest?.bind(origin);
  async function* openRest(
    descriptor: Descriptor,
    start: number,
    options?: ReadOptions,
  ): AsyncGenerator<Uint8Array> {
    let position = start;
    for (const mirror of willing) {
      if (mirror.openRest === undefined) continue;
      try {
        for await (const chunk of paced(mirror.openRest(descriptor, position, options), pace, clock)) {
          gave.add(mirror);
          position += chunk.length;
          yield chunk;
        }
        if (position >= descriptor.size) return;
        leave(mirror, `it has ${position} bytes of ${descriptor.size}`);
      } catch (error) {
        judge(mirror, error, options);
      }
    }
    if (rest !== undefined) yield* rest(descriptor, position, options);
  }
  return {
    name: origin.name,
    has: (descriptor) => origin.has(descriptor),
    resolve: (name) => origin.resolve(name),
    referrers: (subject, type) => origin.referrers(subject, type),
    open,
    ...(rest && { openRest }),
    leaveMirrors() {
      for (const mirror of gave) leave(mirror, 'it sent wrong bytes');
      const isWorthIt = gave.size > 0;
      gave.clear();
      return isWorthIt;
    },
  };
}
