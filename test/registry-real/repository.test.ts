import { randomBytes } from 'node:crypto';
import test from 'ava';
import { Secret } from '../../pkg/errors/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { copyGraph, digestOf, media, readVerified } from '../../pkg/oci/index.ts';
import { connectRegistry, fallbackTag, type Registry } from '../../pkg/registry/index.ts';
import { chunks, content, makeImage, makeReferrer, putImage } from '../helpers/images.ts';
import { describeRegistry, everyRegistry, startRegistry, type TestRegistry } from '../helpers/registries.ts';

const options = (registry: TestRegistry, more: object = {}) => ({
  ...(registry.ca === undefined ? {} : { ca: registry.ca }),
  credentials: { user: registry.user, password: new Secret(registry.password) },
  ...more,
});
const connect = (registry: TestRegistry, more: object = {}): Promise<Registry> =>
  connectRegistry(linuxHost, { registry: registry.host, scheme: registry.scheme }, options(registry, more));

/** Digest and length: comparing megabytes byte by byte takes ava seconds. */
const seen = (bytes: Uint8Array): string => `${bytes.length} ${digestOf(bytes)}`;
const whole = async (body: AsyncIterable<Uint8Array>): Promise<string> => {
  const parts: Uint8Array[] = [];
  for await (const chunk of body) parts.push(chunk);
  return seen(Buffer.concat(parts));
};

for (const kind of everyRegistry) {
  const name = describeRegistry(kind);

  test(`an image and what refers to it go to ${name} and come back`, async (t) => {
    const registry = await startRegistry(t, kind);
    await using connection = await connect(registry);
    const repository = connection.repository('some/image');
    const layer = randomBytes(3_000_000);
    const image = makeImage([layer, 'small']);
    await putImage(repository, image, '1.0');
    await putImage(repository, makeReferrer(image.root, 'application/vnd.machine.signature', 'a signature'));
    await putImage(
      repository,
      makeReferrer(image.root, 'application/vnd.machine.pubkeycrt', 'a certificate'),
    );

    await using again = await connect(registry);
    const reader = again.repository('some/image');
    const root = await reader.resolve('1.0');
    t.deepEqual(root, image.root);
    t.deepEqual(Buffer.from(await readVerified(root, reader.open(root))), Buffer.from(image.manifest.bytes));
    const [first] = image.layers;
    if (first === undefined) throw new Error('no layer');
    t.is(await whole(reader.open(first.descriptor)), seen(layer));
    t.is(await whole(reader.openRest(first.descriptor, 2_000_000)), seen(layer.subarray(2_000_000)));
    const signatures = await reader.referrers(root, 'application/vnd.machine.signature');
    t.deepEqual(
      signatures.map(({ digest }) => digest),
      [makeReferrer(image.root, 'application/vnd.machine.signature', 'a signature').root.digest],
    );
    t.is((await reader.referrers(root)).length, 2);
    const fallback = kind.kind === 'docker' ? [fallbackTag(root)] : [];
    t.deepEqual([...(await reader.tags())].sort(), ['1.0', ...fallback].sort());
  });
}

for (const kind of ['docker', 'referrers'] as const) {
  const name = describeRegistry({ kind });

  test(`content is taken over from another repository of ${name} without sending it`, async (t) => {
    const registry = await startRegistry(t, { kind, auth: 'token' });
    await using connection = await connect(registry);
    const blob = content(media.layerTar, randomBytes(100_000));
    await connection.repository('first').put(blob.descriptor, chunks(blob.bytes));
    const second = connection.repository('second');
    t.is(await second.mountFrom(blob.descriptor, 'first'), kind === 'docker');
    if (kind === 'docker') t.is(await whole(second.open(blob.descriptor)), seen(blob.bytes));
    const none = content(media.layerTar, 'nobody has it');
    t.is(await second.mountFrom(none.descriptor, 'first'), false);
  });

  test(`a blob goes up to ${name} in pieces`, async (t) => {
    const registry = await startRegistry(t, { kind, tls: true, auth: 'basic' });
    await using connection = await connect(registry, { chunkSize: 65_536 });
    const repository = connection.repository('a');
    for (const size of [1, 65_536, 200_001]) {
      const blob = content(media.layerTar, randomBytes(size));
      await repository.put(blob.descriptor, chunks(blob.bytes, 10_000));
      t.is(await whole(repository.open(blob.descriptor)), seen(blob.bytes));
    }
  });

  test(`an empty blob can be put into and read from ${name}`, async (t) => {
    const registry = await startRegistry(t, { kind });
    await using connection = await connect(registry);
    const blob = content('text/plain', '');
    await connection.repository('a').put(blob.descriptor, chunks(blob.bytes));
    t.is(await whole(connection.repository('a').open(blob.descriptor)), seen(blob.bytes));
  });

  test(`wrong bytes never become a blob of ${name}`, async (t) => {
    const registry = await startRegistry(t, { kind });
    await using connection = await connect(registry);
    const repository = connection.repository('a');
    const right = randomBytes(300_000);
    const wrong = Buffer.from(right);
    wrong[299_999] = (wrong[299_999] ?? 0) ^ 1;
    const { descriptor } = content(media.layerTar, right);
    const refused = {
      message: `cannot accept the bytes of ${descriptor.digest}: they hash to ${digestOf(wrong)}`,
    };
    await t.throwsAsync(repository.put(descriptor, chunks(wrong)), refused);
    await t.throwsAsync(repository.put(descriptor, chunks(right.subarray(1))), {
      message: `cannot accept the bytes of ${descriptor.digest}: 299999 bytes in place of 300000`,
    });
    await t.throwsAsync(repository.put(descriptor, chunks(Buffer.concat([right, right]))), {
      message: `cannot accept the bytes of ${descriptor.digest}: more than 300000 bytes`,
    });
    t.is(await repository.has(descriptor), false);
    await repository.put(descriptor, chunks(right));
    t.is(await repository.has(descriptor), true);
  });

  test(`a graph is copied from one repository of ${name} to another`, async (t) => {
    const registry = await startRegistry(t, { kind });
    await using connection = await connect(registry);
    const image = makeImage([randomBytes(100_000), randomBytes(200_000)]);
    const source = connection.repository('source');
    await putImage(source, image, '1');
    const target = connection.repository('target');
    await copyGraph(source, target, image.root, { tag: 'copied', mountFrom: 'source' });
    t.deepEqual(await target.resolve('copied'), image.root);
    t.is(await target.has(image.config.descriptor), true);
  });
}
