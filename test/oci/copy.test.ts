import { randomBytes } from 'node:crypto';
import { setImmediate as tick } from 'node:timers/promises';
import test from 'ava';
import {
  type ContentSource,
  type ContentStore,
  type CopyProgress,
  copyGraph,
  type Descriptor,
  media,
  planCopy,
  verifiedBody,
} from '../../pkg/oci/index.ts';
import { chunks, content, type Image, makeImage } from '../helpers/images.ts';

/** A repository in memory that notes what it is asked. */
function memory(images: readonly Image[] = []) {
  const blobs = new Map<string, Uint8Array>();
  for (const { manifest, config, layers } of images)
    for (const { descriptor, bytes } of [manifest, config, ...layers]) blobs.set(descriptor.digest, bytes);
  const opened: string[] = [];
  const put: string[] = [];
  const source: ContentSource = {
    has: async ({ digest }) => blobs.has(digest),
    open: (descriptor) => {
      opened.push(descriptor.digest);
      return verifiedBody(descriptor, chunks(blobs.get(descriptor.digest) ?? new Uint8Array(), 1000));
    },
  };
  const store: ContentStore = {
    ...source,
    put: async (descriptor, body) => {
      const parts: Uint8Array[] = [];
      for await (const chunk of body) parts.push(chunk);
      put.push(descriptor.digest);
      blobs.set(descriptor.digest, Buffer.concat(parts));
    },
  };
  return { blobs, opened, put, source, store };
}

const digests = (...descriptors: readonly (Descriptor | undefined)[]) => descriptors.map((d) => d?.digest);

test('children are put first, the root last, each blob once', async (t) => {
  const [one, two] = [makeImage(['a', 'b', 'a']), makeImage(['b', 'c'])];
  const index = content(media.index, {
    schemaVersion: 2,
    mediaType: media.index,
    manifests: [one.root, two.root],
  });
  const from = memory([one, two]);
  from.blobs.set(index.descriptor.digest, index.bytes);
  const to = memory();
  const tags: unknown[] = [];
  const target = {
    ...to.store,
    tag: async (d: Descriptor, name: string) => void tags.push([d.digest, name]),
  };
  const plan = await copyGraph(from.source, target, index.descriptor, { concurrency: 1, tag: 'v1' });
  t.deepEqual(
    to.put,
    digests(
      one.config.descriptor,
      one.layers[0]?.descriptor,
      one.layers[1]?.descriptor,
      two.config.descriptor,
      two.layers[1]?.descriptor,
      one.root,
      two.root,
      index.descriptor,
    ),
  );
  t.deepEqual(tags, [[index.descriptor.digest, 'v1']]);
  t.is(plan.bytes, plan.total);
  t.deepEqual([...to.blobs].sort(), [...from.blobs].sort());
});

test('only what is missing is sent, and the plan says how much', async (t) => {
  const image = makeImage([randomBytes(5000), randomBytes(3000)]);
  const from = memory([image]);
  const to = memory();
  const [first, second] = image.layers;
  to.blobs.set(first?.descriptor.digest ?? '', first?.bytes ?? new Uint8Array());
  const plan = await planCopy(from.source, to.store, image.root);
  t.deepEqual(
    { bytes: plan.bytes, partial: plan.partial, total: plan.total, present: digests(...plan.present) },
    {
      bytes: 3000 + image.config.bytes.length + image.manifest.bytes.length,
      partial: 0,
      total: 8000 + image.config.bytes.length + image.manifest.bytes.length,
      present: digests(first?.descriptor),
    },
  );
  t.deepEqual(to.put, []);
  const events: CopyProgress[] = [];
  await copyGraph(from.source, to.store, image.root, { report: (event) => events.push(event), what: 'web' });
  t.false(from.opened.includes(first?.descriptor.digest ?? ''));
  t.true(from.opened.includes(second?.descriptor.digest ?? ''));
  t.deepEqual(events.at(-1), { kind: 'bytes', what: 'web', done: plan.bytes, total: plan.bytes });
  t.true(events.every(({ done }, i) => done > (events[i - 1]?.done ?? 0)));
});

test('several blobs are on their way at once, not more than asked for', async (t) => {
  const image = makeImage(Array.from({ length: 8 }, () => randomBytes(100)));
  const from = memory([image]);
  const to = memory();
  let now = 0;
  let most = 0;
  const store: ContentStore = {
    ...to.store,
    put: async (descriptor, body) => {
      most = Math.max(most, ++now);
      for (let i = 0; i < 5; i++) await tick();
      await to.store.put(descriptor, body);
      now--;
    },
  };
  await copyGraph(from.source, store, image.root, { concurrency: 4 });
  t.is(most, 4);
});

test('a source that can begin in the middle is asked for the rest, and progress counts no byte twice', async (t) => {
  const image = makeImage([randomBytes(10_000)]);
  const layer = image.layers[0]?.descriptor;
  const from = memory([image]);
  const to = memory();
  const starts: [string | undefined, number][] = [];
  const source: ContentSource = {
    ...from.source,
    openRest: (descriptor, start) => {
      starts.push([descriptor.digest, start]);
      return chunks((from.blobs.get(descriptor.digest) ?? new Uint8Array()).subarray(start), 1000);
    },
  };
  const store: ContentStore = {
    ...to.store,
    partialSize: async ({ digest }) => (digest === layer?.digest ? 4000 : 0),
    putFrom: async (descriptor, open) => {
      if (descriptor.digest !== layer?.digest) return to.store.put(descriptor, open(0));
      for await (const _ of open(4000));
      await to.store.put(descriptor, open(0));
    },
  };
  const done: number[] = [];
  const plan = await copyGraph(source, store, image.root, {
    concurrency: 1,
    report: (event) => done.push(event.done),
  });
  t.is(plan.partial, 4000);
  t.deepEqual(starts.slice(-2), [
    [layer?.digest, 4000],
    [layer?.digest, 0],
  ]);
  t.is(done.at(-1), plan.bytes);
  t.deepEqual(
    done,
    [...new Set(done)].sort((a, b) => a - b),
  );
});

test('the first failure ends the others, is thrown when they have ended, and the root is not put', async (t) => {
  const image = makeImage([randomBytes(2000), randomBytes(2000), randomBytes(2000)]);
  const from = memory([image]);
  const to = memory();
  const failure = new Error('the first');
  let ended = 0;
  const source: ContentSource = {
    ...from.source,
    open: async function* (descriptor, options) {
      if (descriptor.mediaType !== media.layerTar) return yield* from.source.open(descriptor);
      if (descriptor.digest === image.layers[1]?.descriptor.digest) throw failure;
      const { signal } = options ?? {};
      await new Promise((_, reject) =>
        signal?.addEventListener('abort', () => {
          ended++;
          reject(new Error('a later one'));
        }),
      );
    },
  };
  await t.throwsAsync(copyGraph(source, to.store, image.root, { concurrency: 4 }), { is: failure });
  t.is(ended, 2);
  t.false(to.put.includes(image.root.digest));
});

test('a signal cancels between two chunks', async (t) => {
  const image = makeImage([randomBytes(100_000)]);
  const from = memory([image]);
  const to = memory();
  const stop = new AbortController();
  const reason = new Error('stopped by SIGINT');
  await t.throwsAsync(
    copyGraph(from.source, to.store, image.root, {
      signal: stop.signal,
      report: ({ done }) => done > 20_000 && stop.abort(reason),
    }),
    { is: reason },
  );
  t.false(to.put.includes(image.layers[0]?.descriptor.digest ?? ''));
  t.false(to.put.includes(image.root.digest));
});

test('a store that can take content over is asked first', async (t) => {
  const image = makeImage([randomBytes(1000), randomBytes(1000)]);
  const from = memory([image]);
  const to = memory();
  const layer = image.layers[0]?.descriptor.digest;
  const asked: string[] = [];
  const store: ContentStore = {
    ...to.store,
    mountFrom: async ({ digest }, repository) => {
      asked.push(repository);
      return digest === layer;
    },
  };
  let last: CopyProgress | undefined;
  const plan = await copyGraph(from.source, store, image.root, {
    mountFrom: 'other',
    report: (event) => {
      last = event;
    },
  });
  t.deepEqual(asked, ['other', 'other', 'other']);
  t.false(to.put.includes(layer ?? ''));
  t.is(last?.done, plan.bytes);
});

test('referrers come along when asked for, by type or all; a source that cannot tell says so', async (t) => {
  const image = makeImage(['1']);
  const referring = (artifactType: string) =>
    makeImage([artifactType], { artifactType, subject: image.root });
  const [signature, other] = [referring('a/signature'), referring('a/other')];
  const from = memory([image, signature, other]);
  const source = {
    ...from.source,
    referrers: async () => [
      { ...signature.root, artifactType: 'a/signature' },
      { ...other.root, artifactType: 'a/other' },
    ],
  };
  const copied = async (referrers: boolean | string[]) => {
    const to = memory();
    await copyGraph(source, to.store, image.root, { referrers });
    return [signature, other].map(({ root }) => to.put.includes(root.digest));
  };
  t.deepEqual(await copied(false), [false, false]);
  t.deepEqual(await copied(['a/signature']), [true, false]);
  t.deepEqual(await copied(true), [true, true]);
  await t.throwsAsync(copyGraph(from.source, memory().store, image.root, { referrers: true }), {
    message: `cannot find what refers to ${image.root.digest}: the source can't tell`,
  });
});

test('a manifest that names one blob with two sizes is refused', async (t) => {
  const layer = content(media.layerTar, 'x').descriptor;
  const bad = makeImage(['x'], { layers: [layer, { ...layer, size: 2 }] });
  await t.throwsAsync(copyGraph(memory([bad]).source, memory().store, bad.root), {
    code: 'invalid',
    message: `cannot follow ${layer.digest}: it is named with 1 and with 2 bytes`,
  });
});
