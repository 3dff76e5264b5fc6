import { MosError } from '../errors/index.ts';
import type { Descriptor, ReadOptions } from '../oci/index.ts';
import type { Answer } from './client.ts';
import { connectionError } from './failure.ts';
import { contentPath, nameAt, type Place, pulling } from './place.ts';
import { isTransient } from './transport/index.ts';

/** So many bytes since the last break are progress, and the count of tries begins anew. */
const progressSize = 1024 * 1024;

/**
 * The bytes of a blob from `start` on, not hashed. When the connection breaks or stalls in the middle, the rest is asked
 * for (Range), as often as there is progress. More bytes than the descriptor says are passed on for the check to refuse.
 */
export async function* download(
  place: Place,
  descriptor: Descriptor,
  start: number,
  options: ReadOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  let position = start;
  let tries = 0;
  let progress = 0;
  while (tries === 0 || position < descriptor.size) {
    const answer = await ask(place, descriptor, position, options);
    const body = await bodyFrom(place, descriptor, answer, position);
    try {
      let last: Uint8Array | undefined;
      for await (const chunk of body) {
        position += chunk.length;
        progress += chunk.length;
        yield chunk;
        if (options.lent) free(last);
        last = chunk;
      }
      return;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!isTransient(error)) throw error;
      tries = progress >= progressSize ? 1 : tries + 1;
      if (tries >= place.client.attempts)
        throw connectionError(what(place, descriptor), requestOf(answer), error);
      progress = 0;
      await place.client.pause(tries, options.signal);
    }
  }
}

/** Bun's collector comes after 20 MiB of chunks; their memory is given back at once, where nothing else lies in it. */
function free(chunk: Uint8Array | undefined): void {
  if (chunk?.buffer instanceof ArrayBuffer && chunk.length === chunk.buffer.byteLength)
    chunk.buffer.transfer(0);
}

const what = (place: Place, { digest }: Descriptor): string => `read ${nameAt(place, digest)}`;
const requestOf = ({ url }: Answer) => ({ method: 'GET', url }) as const;

/** 404 is `not-found`. A Range names its end too: not every registry understands an open one. */
function ask(
  place: Place,
  descriptor: Descriptor,
  position: number,
  { signal }: ReadOptions,
): Promise<Answer> {
  const range = position === 0 ? {} : { Range: `bytes=${position}-${descriptor.size - 1}` };
  return place.client.send({
    what: what(place, descriptor),
    method: 'GET',
    to: contentPath(place, descriptor),
    scopes: pulling(place),
    expect: position === 0 ? [200] : [200, 206],
    headers: { Accept: descriptor.mediaType, ...range },
    signal,
  });
}

/** The body from `position` on. A server that ignores the Range sends all of it: then the beginning is left out. */
async function bodyFrom(
  place: Place,
  descriptor: Descriptor,
  answer: Answer,
  position: number,
): Promise<AsyncIterable<Uint8Array>> {
  const problem = problemOf(descriptor, answer, position);
  if (problem !== undefined) {
    await answer.discard();
    throw new MosError('corrupt', `cannot ${what(place, descriptor)}: ${problem}`);
  }
  return answer.status === 200 && position > 0 ? without(answer.body, position) : answer.body;
}

/** What the head says against the body being the part that was asked for. */
function problemOf(
  descriptor: Descriptor,
  { status, headers }: Answer,
  position: number,
): string | undefined {
  const length = headers.get('content-length');
  const expected = descriptor.size - (status === 206 ? position : 0);
  if (length !== undefined && Number(length) !== expected)
    return `the registry announces ${length} bytes in place of ${expected}`;
  if (status === 200) return undefined;
  const [, first, last] = /^bytes ([0-9]+)-([0-9]+)\//.exec(headers.get('content-range') ?? '') ?? [];
  if (Number(first) === position && Number(last) === descriptor.size - 1) return undefined;
  return `the registry sends another part than bytes ${position} to ${descriptor.size - 1}`;
}

async function* without(body: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let left = count;
  for await (const chunk of body) {
    if (chunk.length > left) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}
