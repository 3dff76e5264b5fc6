import { join } from 'node:path';
import test from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout, openZotRoot } from '../../pkg/layout/index.ts';
import { copyGraph } from '../../pkg/oci/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { makeImage, makeReferrer, putImage } from '../helpers/images.ts';

test('what was put and tagged is found again by another opener', async (t) => {
  const folder = join(await scratchFolder(t), 'a/layout');
  const image = makeImage(['one', 'two']);
  await putImage(await openLayout(linuxHost, folder, { create: true }), image, 'v1');
  const layout = await openLayout(linuxHost, folder);
  t.deepEqual(await layout.tags(), ['v1']);
  const root = await layout.resolve('v1');
  t.is(root.digest, image.root.digest);
  t.deepEqual(Buffer.from(await layout.read(root)), Buffer.from(image.manifest.bytes));
  t.deepEqual((await layout.verify()).problems, []);
});

test('a graph is copied into a zot root, the second time nothing is sent', async (t) => {
  const folder = await scratchFolder(t);
  const image = makeImage(['one', 'two']);
  const source = await openLayout(linuxHost, join(folder, 'source'), { create: true });
  await putImage(source, image, 'v1');
  await putImage(source, makeReferrer(image.root, 'application/x-signature', 'signed'));
  const root = await openZotRoot(linuxHost, join(folder, 'zot'), { create: true });
  const target = await root.repository('vendor/app', { create: true });
  const plan = await copyGraph(source, target, image.root, { tag: 'v1', referrers: true });
  t.is(plan.missing.length, 7);
  t.is((await copyGraph(source, target, image.root, { tag: 'v1', referrers: true })).bytes, 0);
  t.deepEqual(await root.repositories(), ['vendor/app']);
  t.is((await target.resolve('v1')).digest, image.root.digest);
  t.deepEqual(
    (await target.referrers(image.root)).map(({ artifactType }) => artifactType),
    ['application/x-signature'],
  );
});
