import { createHash } from 'node:crypto';
import { MosError } from '../../errors/index.ts';
import type { Host, WritableFile } from '../../host/index.ts';
import {
  type ContentSource,
  type Descriptor,
  type Digest,
  digestFromHex,
  tarCompressionOf,
  tarMagicSize,
} from '../../oci/index.ts';
import type { TarEntry } from './tar/entry.ts';
import { TarReader } from './tar/reader.ts';
import { unpacked } from './unpack.ts';

export type SpoolOptions = {
  /** What the unpacked tar must hash to, from the image's config; undefined where that has none. */
  readonly diffId: Digest | undefined;
  /** The most bytes that a layer may have when it is unpacked, in the archive and as files. */
  readonly limit: number;
  readonly signal: AbortSignal;
  /** Bytes of the blob that have come. */
  readonly report: (done: number) => void;
};

/** How often the room in scratch is looked at. */
const lookEvery = 64 * 1024 * 1024;
/** What is left to others on the file system of scratch. */
const reserve = 256 * 1024 * 1024;

/**
 * Downloads a tar layer, unpacked, to a file in scratch and lists its entries. Nothing is used before all of it has
 * come and has the digest of its descriptor and the diff id of the config.
 */
export async function spoolLayer(
  host: Host,
  source: ContentSource,
  descriptor: Descriptor,
  file: string,
  options: SpoolOptions,
): Promise<TarEntry[]> {
  const entries: TarEntry[] = [];
  let content = 0;
  const reader = new TarReader((entry) => {
    entries.push(entry);
    content += entry.size;
    if (content > options.limit) throw tooLarge(options.limit);
  });
  await using body = new Body(source.open(descriptor, options), options.report);
  await using output = await host.files.create(file, { mode: 0o600 });
  let size = 0;
  let writing = Promise.resolve();
  const compression = tarCompressionOf(await body.begin(tarMagicSize));
  // What is not compressed has been hashed as a blob.
  const hash = compression === undefined ? undefined : createHash('sha256');
  try {
    for await (const chunk of unpacked(compression, body)) {
      options.signal.throwIfAborted();
      size += chunk.length;
      if (size > options.limit) throw tooLarge(options.limit);
      await writing;
      await guardSpace(host, file, output, chunk.length);
      writing = output.write(chunk);
      writing.catch(() => {});
      hash?.update(chunk);
      reader.update(chunk);
    }
    reader.end();
    await writing;
  } catch (error) {
    await writing.catch(() => {});
    // Bytes that are not the layer's own make a better reason than what they did to the tar reader.
    if (error instanceof MosError && error.code === 'invalid') await body.drain();
    throw inLayer(descriptor, error);
  }
  await body.drain();
  const found = hash === undefined ? descriptor.digest : digestFromHex(hash.digest('hex'));
  if (options.diffId !== undefined && options.diffId !== found)
    throw new MosError(
      'corrupt',
      `cannot convert the layer ${descriptor.digest}: unpacked it is ${found}, its config says ${options.diffId}`,
    );
  return entries;
}

const tooLarge = (limit: number): MosError =>
  new MosError('invalid', `cannot unpack the tar: it is larger than ${limit} bytes`, {
    hint: 'allow more with --max-unpacked if the image is really that large',
  });

/** An error about the content, with the layer's name in front. */
export function inLayer(descriptor: Descriptor, error: unknown): unknown {
  if (!(error instanceof MosError) || error.code !== 'invalid') return error;
  return new MosError('invalid', `cannot convert the layer ${descriptor.digest}`, { cause: error });
}

async function guardSpace(host: Host, file: string, output: WritableFile, next: number): Promise<void> {
  if (Math.floor(output.size / lookEvery) === Math.floor((output.size + next) / lookEvery)) return;
  const { free } = await host.files.space(file);
  if (free >= reserve + lookEvery) return;
  throw new MosError(
    'no-space',
    `cannot unpack the layer to ${file}: ${output.size} bytes are written and ${free} are free, of which ${reserve} are left to others`,
    { hint: 'choose a larger file system with --scratch' },
  );
}

/** The layer as it comes, which can be read to its end (so that its digest is checked) when nobody wants it any more. */
class Body implements AsyncIterable<Uint8Array>, AsyncDisposable {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #report: (done: number) => void;
  #done = 0;
  /** Read already, and not given away. */
  readonly #begun: Uint8Array[] = [];

  constructor(source: AsyncIterable<Uint8Array>, report: (done: number) => void) {
    this.#source = source[Symbol.asyncIterator]();
    this.#report = report;
  }

  /** Leaving the loop early does not end the source. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return { next: () => this.#next() };
  }

  /** So many bytes of its beginning, or what there is of them; they come again. */
  async begin(size: number): Promise<Uint8Array> {
    for (let has = 0; has < size; ) {
      const { value, done } = await this.#read();
      if (done) break;
      this.#begun.push(value);
      has += value.length;
    }
    return Buffer.concat(this.#begun).subarray(0, size);
  }

  async drain(): Promise<void> {
    while (!(await this.#next()).done);
  }

  #next(): Promise<IteratorResult<Uint8Array>> {
    const value = this.#begun.shift();
    return value === undefined ? this.#read() : Promise.resolve({ value, done: false });
  }

  async #read(): Promise<IteratorResult<Uint8Array>> {
    const result = await this.#source.next();
    if (!result.done) {
      this.#done += result.value.length;
      this.#report(this.#done);
    }
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source.return?.();
  }
}
