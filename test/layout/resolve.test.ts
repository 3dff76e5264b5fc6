import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { hintOf, MosError } from '../../pkg/errors/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { type Layout, openLayout } from '../../pkg/layout/index.ts';
import { type Descriptor, media } from '../../pkg/oci/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { chunks, content, makeImage, makeReferrer, putImage } from '../helpers/images.ts';

const refName = 'org.opencontainers.image.ref.name';

async function made(t: ExecutionContext) {
  const folder = await scratchFolder(t);
  const layout = await openLayout(linuxHost, folder, { create: true });
  /** Writes index.json as another program would. */
  const list = (...manifests: Descriptor[]) =>
    writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  return { folder, layout, list };
}

const named = (descriptor: Descriptor, name: string): Descriptor => ({
  ...descriptor,
  annotations: { [refName]: name },
});

async function putIndex(layout: Layout, manifests: readonly Descriptor[]): Promise<Descriptor> {
  const index = content(media.index, { schemaVersion: 2, mediaType: media.index, manifests });
  await layout.put(index.descriptor, chunks(index.bytes));
  return index.descriptor;
}

test('an unknown name is told with the names that are there', async (t) => {
  const { folder, layout } = await made(t);
  const unknown = async () => {
    const error = await t.throwsAsync(layout.resolve('v9'), { instanceOf: MosError });
    return [error?.code, error?.message, hintOf(error)];
  };
  const message = `cannot find v9 in ${folder}: no image there has that name`;
  t.deepEqual(await unknown(), ['not-found', message, 'no image there has a name']);
  for (let i = 1; i <= 12; i++) await putImage(layout, makeImage([`${i}`]), `v1.${i}`);
  t.deepEqual(await unknown(), [
    'not-found',
    message,
    'names there: v1.1, v1.10, v1.11, v1.12, v1.2, v1.3, v1.4, v1.5, v1.6, v1.7, …',
  ]);
});

test('a name that stands for two manifests is refused, twice the same is not', async (t) => {
  const { folder, layout, list } = await made(t);
  const [one, two] = [makeImage(['1']), makeImage(['2'])];
  await putImage(layout, one);
  await putImage(layout, two);
  await list(named(one.root, 'v1'), named(one.root, 'v1'));
  t.is((await layout.resolve('v1')).digest, one.root.digest);
  await list(named(one.root, 'v1'), named(two.root, 'v1'));
  await t.throwsAsync(layout.resolve('v1'), {
    code: 'invalid',
    message: `cannot resolve v1 in ${folder}: the name stands for 2 manifests`,
  });
  await layout.tag(two.root, 'v1');
  t.is((await layout.resolve('v1')).digest, two.root.digest, 'tagging ends the doubt');
});

test('a digest is found whether it is listed, in an index that is listed, or only among the blobs', async (t) => {
  const { layout, list } = await made(t);
  const [one, two, three] = [makeImage(['1']), makeImage(['2']), makeImage(['3'])];
  for (const image of [one, two, three]) await putImage(layout, image);
  await list(one.root, await putIndex(layout, [named(two.root, 'inner')]));
  for (const { root } of [one, two, three]) t.is((await layout.resolve(root.digest)).digest, root.digest);
  t.deepEqual(await layout.resolve(three.root.digest), three.root);
  t.is((await layout.resolve('inner')).digest, two.root.digest, 'names in a nested index count');
  const layer = three.layers[0]?.descriptor.digest ?? '';
  await t.throwsAsync(layout.resolve(layer), {
    message: `cannot find the manifest ${layer} in ${layout.folder}`,
  });
});

test('an entry named by a digest does not stand for that digest', async (t) => {
  const { layout, list } = await made(t);
  const [one, two] = [makeImage(['1']), makeImage(['2'])];
  await putImage(layout, one);
  await putImage(layout, two);
  await list(named(one.root, two.root.digest));
  t.is((await layout.resolve(two.root.digest)).digest, two.root.digest);
});

test('an index that names itself through others, or lies about its size, ends nowhere', async (t) => {
  const { layout, list } = await made(t);
  const image = makeImage(['1']);
  await putImage(layout, image, 'v1');
  let index = await putIndex(layout, [image.root]);
  for (let depth = 0; depth < 20; depth++) index = await putIndex(layout, [index]);
  await list(index, { ...index, size: index.size + 1 });
  t.is((await layout.resolve(image.root.digest)).digest, image.root.digest);
  await t.throwsAsync(layout.tag(index, 'deep'), {
    code: 'invalid',
    message: /^cannot follow sha256:[0-9a-f]{64}: indexes are nested more than 16 deep$/,
  });
});

test('referrers are found listed without a name, in a nested index, and by type; broken ones stop nobody', async (t) => {
  const { folder, layout, list } = await made(t);
  const image = makeImage(['1']);
  const signature = makeReferrer(image.root, 'application/vnd.machine.signature', 's');
  const certificate = makeReferrer(image.root, 'application/vnd.machine.pubkeycrt', 'c');
  const broken = makeReferrer(image.root, 'application/vnd.machine.signature', 'broken');
  for (const each of [image, signature, certificate, broken]) await putImage(layout, each);
  const noManifest = content(media.manifest, '{"schemaVersion":2}');
  await layout.put(content('text/plain', noManifest.bytes).descriptor, chunks(noManifest.bytes));
  const bare = ({ mediaType, digest, size }: Descriptor): Descriptor => ({ mediaType, digest, size });
  await list(
    named(image.root, 'v1'),
    noManifest.descriptor,
    bare(broken.root),
    bare(signature.root),
    await putIndex(layout, [bare(certificate.root)]),
  );
  await writeFile(join(folder, 'blobs/sha256', broken.root.digest.slice(7)), 'other bytes');
  const found = async (type?: string) =>
    (await layout.referrers(image.root, type)).map(({ digest, artifactType }) => [digest, artifactType]);
  t.deepEqual(await found(), [
    [signature.root.digest, 'application/vnd.machine.signature'],
    [certificate.root.digest, 'application/vnd.machine.pubkeycrt'],
  ]);
  t.deepEqual(await found('application/vnd.machine.pubkeycrt'), [
    [certificate.root.digest, 'application/vnd.machine.pubkeycrt'],
  ]);
  t.deepEqual(await layout.referrers(certificate.root), []);
});

test('a put referrer is listed with its type and without its annotations', async (t) => {
  const { folder, layout } = await made(t);
  const image = makeImage(['1']);
  const hostile = makeImage(['x'], {
    artifactType: 'a/b',
    subject: image.root,
    annotations: { [refName]: 'stolen', other: 'x' },
  });
  await putImage(layout, image, 'v1');
  await putImage(layout, hostile);
  const { manifests } = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8'));
  t.deepEqual(manifests[1], { ...hostile.root, artifactType: 'a/b' });
  t.deepEqual(await layout.tags(), ['v1']);
});
