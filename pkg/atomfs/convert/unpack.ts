import { once } from 'node:events';
import type { Transform } from 'node:stream';
import { MosError } from '../../errors/index.ts';
import type { tarCompressionOf } from '../../oci/index.ts';
import { ZstdFrames } from './zstd.ts';

/** Larger pieces than zlib's own 16 KiB: half of the time. */
const chunkSize = 1024 * 1024;

/**
 * The unpacked bytes of a layer. Streams of several gzip members or zstd frames are unpacked whole, a stream that is
 * cut and bytes behind its end are refused, under Node and Bun alike.
 */
export async function* unpacked(
  compression: ReturnType<typeof tarCompressionOf>,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (compression === undefined) yield* body;
  else if (compression === 'gzip') yield* gunzipped(body);
  else yield* unzstded(body);
}

async function* gunzipped(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { createGunzip } = await import('node:zlib');
  const unzip = createGunzip({ chunkSize });
  let size = 0;
  let isWhole = false;
  const counted = async function* () {
    for await (const chunk of body) {
      size += chunk.length;
      yield chunk;
    }
    isWhole = true;
  };
  yield* through(unzip, counted(), 'gzip');
  if (!isWhole || unzip.bytesWritten !== size)
    throw new MosError('invalid', 'cannot unpack the gzip stream: there is something behind its end');
}

async function* unzstded(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { createZstdDecompress } = await import('node:zlib');
  const source = body[Symbol.asyncIterator]();
  try {
    const frames = new ZstdFrames(source);
    for (let frame = await frames.next(); frame !== undefined; frame = await frames.next()) {
      yield* through(createZstdDecompress({ chunkSize }), frame, 'zstd');
      for await (const _ of frame); // what the decompressor did not ask for
    }
  } finally {
    await source.return?.();
  }
}

/** Pumps a body through a transform; the pump ends when the reader does. */
async function* through(
  transform: Transform,
  body: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array> {
  let failure: unknown;
  const pump = (async () => {
    for await (const chunk of body) {
      if (transform.destroyed || transform.writableEnded) return;
      if (!transform.write(chunk)) await settled(transform);
    }
    transform.end();
  })().catch((error: unknown) => {
    failure = error;
    transform.destroy();
  });
  try {
    for await (const chunk of transform) yield chunk;
  } catch (cause) {
    // The body may fail too, on its way to its end; then that is the reason.
    transform.destroy();
    await pump;
    if (failure === undefined)
      throw new MosError('invalid', `cannot unpack the ${name} stream: it is damaged`, { cause });
  } finally {
    transform.destroy();
    await pump;
  }
  if (failure !== undefined) throw failure;
}

/** Until more can be written, or never again. */
async function settled(transform: Transform): Promise<void> {
  const stop = new AbortController();
  const event = (name: string) => once(transform, name, { signal: stop.signal }).catch(() => {});
  if (!transform.destroyed && transform.writableNeedDrain)
    await Promise.race([event('drain'), event('close')]);
  stop.abort();
}
