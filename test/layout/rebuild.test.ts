import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import { type Descriptor, media } from '../../pkg/oci/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { chunks, content, makeImage, makeReferrer, putImage } from '../helpers/images.ts';

const nameOf = ({ annotations }: Descriptor) => annotations?.['org.opencontainers.image.ref.name'];

async function made(t: ExecutionContext) {
  const folder = await scratchFolder(t);
  const layout = await openLayout(linuxHost, folder, { create: true });
  const image = makeImage(['1']);
  const inner = makeImage(['2']);
  const signature = makeReferrer(image.root, 'a/b', 's');
  await putImage(layout, image, 'sha256:'.concat(image.root.digest.slice(7)));
  await putImage(layout, signature);
  await putImage(layout, inner);
  const index = content(media.index, {
    schemaVersion: 2,
    mediaType: media.index,
    manifests: [{ ...inner.root, platform: { os: 'linux', architecture: 'amd64' } }],
  });
  await layout.put(index.descriptor, chunks(index.bytes));
  await layout.tag(index.descriptor, 'many');
  return { folder, layout, image, signature, index, file: join(folder, 'index.json') };
}

test('a lost index.json is made anew from the manifests; what an index names is not listed beside it', async (t) => {
  const { layout, image, signature, index, file } = await made(t);
  await rm(file);
  await t.throwsAsync(layout.tags(), { code: 'not-found' });
  const made_ = await layout.rebuildIndex({
    name: ({ digest, mediaType }) => (mediaType === media.index ? undefined : digest),
  });
  const seen = made_.map((entry) => [entry.digest, nameOf(entry), entry.artifactType]).sort();
  t.deepEqual(
    seen,
    [
      [image.root.digest, image.root.digest, undefined],
      [signature.root.digest, undefined, 'a/b'],
      [index.descriptor.digest, undefined, undefined],
    ].sort(),
  );
  t.deepEqual(await layout.descriptors(), made_);
  t.deepEqual(
    (await layout.referrers(image.root)).map(({ digest }) => digest),
    [signature.root.digest],
  );
});

test('an altered manifest is not listed', async (t) => {
  const { folder, layout, file, image, index } = await made(t);
  await rm(file);
  for (const { digest, size } of [image.root, index.descriptor]) {
    const blob = join(folder, 'blobs/sha256', digest.slice('sha256:'.length));
    const text = await readFile(blob, 'utf8');
    await writeFile(blob, text.replace('linux', 'minix').replace('layers', 'layerz'));
    t.is((await stat(blob)).size, size);
  }
  const digests = (await layout.rebuildIndex()).map(({ digest }) => digest);
  t.is(digests.length, 2);
  t.false(digests.includes(image.root.digest) || digests.includes(index.descriptor.digest));
});

test('a damaged index.json is kept aside', async (t) => {
  const { folder, layout, file } = await made(t);
  await writeFile(file, '{"schemaVersion":2,"manif');
  await layout.rebuildIndex();
  t.is((await layout.descriptors()).length, 3);
  t.is(await readFile(join(folder, '.mos/index.json.damaged'), 'utf8'), '{"schemaVersion":2,"manif');
});

test('what a readable index.json says stays as it is, names and what other programs added', async (t) => {
  const { layout, file, signature } = await made(t);
  const index = JSON.parse(await readFile(file, 'utf8'));
  const manifests = index.manifests.filter(({ digest }: Descriptor) => digest !== signature.root.digest);
  const gone = { ...signature.root, digest: `sha256:${'0'.repeat(64)}` };
  await writeFile(
    file,
    JSON.stringify({ ...index, annotations: { by: 'others' }, manifests: [...manifests, gone] }),
  );
  await layout.rebuildIndex();
  t.deepEqual(JSON.parse(await readFile(file, 'utf8')), {
    ...index,
    annotations: { by: 'others' },
    manifests: [...manifests, { ...signature.root, artifactType: 'a/b' }],
  });
});
