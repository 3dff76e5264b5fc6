// Runs a list of calls of the registry client (JSON on stdin) and prints what came of each. The test runs it by Node and
// compiled by Bun and compares.
import { MosError, Secret } from '../../../pkg/errors/index.ts';
import type { Host } from '../../../pkg/host/index.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { digestOf, media } from '../../../pkg/oci/index.ts';
import { openRegistry, type RegistryOptions, type RegistryRepository } from '../../../pkg/registry/index.ts';
import { chunks, content, makeImage, makeReferrer, putImage } from '../../helpers/images.ts';

export type Vector = {
  readonly name: string;
  readonly action: keyof typeof actions;
  readonly registry: string;
  readonly scheme?: 'http' | 'https';
  readonly repository: string;
  readonly options?: {
    readonly ca?: string;
    readonly idle?: number;
    readonly connect?: number;
    readonly attempts?: number;
  };
  readonly user?: string;
  readonly password?: string;
  readonly environment?: Readonly<Record<string, string>>;
};

/** The same bytes in both runtimes. */
const bytes = Buffer.alloc(3_000_000);
for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 2654435761) >>> 24;
const blob = content(media.layerTar, bytes);

const read = async (body: AsyncIterable<Uint8Array>): Promise<string> => {
  const parts: Uint8Array[] = [];
  for await (const chunk of body) parts.push(chunk);
  const whole = Buffer.concat(parts);
  return `${whole.length} ${digestOf(whole)}`;
};

const actions = {
  resolve: async (at: RegistryRepository) => at.resolve('1'),
  read: async (at: RegistryRepository) => read(at.open(blob.descriptor)),
  rest: async (at: RegistryRepository) => read(at.openRest(blob.descriptor, 2_999_000)),
  put: async (at: RegistryRepository) => {
    await at.put(blob.descriptor, chunks(blob.bytes));
    return read(at.open(blob.descriptor));
  },
  'put again': async (at: RegistryRepository) => {
    await at.put(blob.descriptor, { [Symbol.asyncIterator]: () => chunks(blob.bytes) });
    return read(at.open(blob.descriptor));
  },
  image: async (at: RegistryRepository) => {
    const image = makeImage([bytes.subarray(0, 1_000_000), 'small']);
    await putImage(at, image, '1');
    await putImage(at, makeReferrer(image.root, 'x/signature', 'signature'));
    const [referrer] = await at.referrers(await at.resolve('1'), 'x/signature');
    return { tags: (await at.tags()).length, referrer, root: image.root.digest };
  },
  /** Reads as many bytes as the repository's name says, with pauses, and tells the largest memory in KiB. */
  peak: async (at: RegistryRepository) => {
    const size = Number(/a(\d+)$/.exec(at.name)?.[1]);
    let seen = 0;
    let pause = 0;
    for await (const chunk of at.openRest({ ...blob.descriptor, size }, 0)) {
      seen += chunk.length;
      if (seen < pause) continue;
      await new Promise((resolve) => setTimeout(resolve, 10));
      pause = seen + size / 50;
    }
    return seen === size ? process.resourceUsage().maxRSS : `${seen} bytes`;
  },
  abort: async (at: RegistryRepository) => {
    const stop = AbortSignal.timeout(100);
    return read(at.open(blob.descriptor, { signal: stop })).catch((error: Error) => error.name);
  },
} as const;

const hostOf = (environment: Readonly<Record<string, string>>): Host => ({
  ...linuxHost,
  machine: { ...linuxHost.machine, environment: (name) => environment[name] },
  clock: { ...linuxHost.clock, sleep: async () => {} },
});

async function run(vector: Vector): Promise<unknown> {
  const { registry, scheme, repository, options = {}, user, password } = vector;
  const { idle, connect, ...rest } = options;
  const timeouts = { ...(idle === undefined ? {} : { idle }), ...(connect === undefined ? {} : { connect }) };
  const all: RegistryOptions = {
    ...rest,
    timeouts,
    ...(user === undefined ? {} : { credentials: { user, password: new Secret(password ?? '') } }),
  };
  try {
    const at = await openRegistry(hostOf(vector.environment ?? {}), { registry, scheme, repository }, all);
    return await actions[vector.action](at);
  } catch (error) {
    if (!(error instanceof MosError)) return `no MosError: ${String(error)}`;
    return {
      code: error.code,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    };
  }
}

async function main(): Promise<void> {
  const parts: Uint8Array[] = [];
  for await (const chunk of process.stdin) parts.push(chunk as Uint8Array);
  const vectors = JSON.parse(Buffer.concat(parts).toString()) as Vector[];
  const results: Record<string, unknown> = {};
  for (const vector of vectors) results[vector.name] = await run(vector);
  process.stdout.write(JSON.stringify(results));
}
void main();
