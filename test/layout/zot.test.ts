import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout, openZotRoot } from '../../pkg/layout/index.ts';
import { copyGraph } from '../../pkg/oci/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { makeImage, makeReferrer, putImage } from '../helpers/images.ts';

async function made(t: ExecutionContext) {
  const folder = await scratchFolder(t);
  const root = await openZotRoot(linuxHost, join(folder, 'zot'), { create: true });
  return { folder, root };
}

test('a graph is copied into a zot root, the second time nothing is sent', async (t) => {
  const { folder, root } = await made(t);
  const image = makeImage(['one', 'two']);
  const source = await openLayout(linuxHost, join(folder, 'source'), { create: true });
  await putImage(source, image, 'v1');
  await putImage(source, makeReferrer(image.root, 'application/x-signature', 'signed'));
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

test('repositories may lie within others; what is none is passed over', async (t) => {
  const { root } = await made(t);
  for (const name of ['b', 'a/deep/er', 'a', 'a-b']) await root.repository(name, { create: true });
  await mkdir(join(root.root, 'lost+found'));
  await mkdir(join(root.root, 'empty/folder'), { recursive: true });
  await writeFile(join(root.root, 'file'), '');
  await symlink('b', join(root.root, 'link'));
  t.deepEqual(await root.repositories(), ['a', 'a-b', 'a/deep/er', 'b']);
});

test('a blob of another repository is linked, not copied', async (t) => {
  const { root } = await made(t);
  const image = makeImage([Buffer.alloc(100_000)]);
  const first = await root.repository('first', { create: true });
  const second = await root.repository('second', { create: true });
  await putImage(first, image, 'v1');
  await copyGraph(first, second, image.root, { mountFrom: 'first', tag: 'v1' });
  const layer = image.layers[0]?.descriptor.digest.slice('sha256:'.length) ?? '';
  const inode = async (name: string) => (await stat(join(root.root, name, 'blobs/sha256', layer))).ino;
  t.is(await inode('first'), await inode('second'));
  t.deepEqual((await second.verify()).problems, []);
  await first.gc({ keep: new Set() });
  t.deepEqual((await second.verify()).problems, []);
  const third = await root.repository('third', { create: true });
  await copyGraph(second, third, image.root, { mountFrom: 'nowhere', tag: 'v1' });
  t.deepEqual((await third.verify()).problems, [], 'without the other repository the bytes are copied');
});

test('names that lead elsewhere are refused', async (t) => {
  const { folder, root } = await made(t);
  await openLayout(linuxHost, join(folder, 'outside'), { create: true });
  await symlink(join(folder, 'outside'), join(root.root, 'link'));
  const refused = (name: string, message: string) => t.throwsAsync(root.repository(name), { message });
  await refused('link', `cannot use ${root.root}/link as a repository: it is a symlink in place of a folder`);
  await refused(
    'link/x',
    `cannot use ${root.root}/link as a repository: it is a symlink in place of a folder`,
  );
  for (const name of ['../outside', '/etc', 'A', '', '.mos', 'a/../../outside'])
    await refused(name, `cannot use ${JSON.stringify(name)} as a repository name`);
  for (const name of ['blobs', 'index.json', 'oci-layout'])
    await refused(
      `a/${name}/b`,
      `cannot use a/${name}/b as a repository name: "${name}" is a part of each layout`,
    );
  await refused('none', `cannot find the repository none in ${root.root}`);
  await t.throwsAsync(openZotRoot(linuxHost, join(folder, 'none')), {
    message: `cannot open the repositories in ${folder}/none: there is no such folder`,
  });
  await t.throwsAsync(openZotRoot(linuxHost, 'zot'), {
    message: 'cannot open the repositories in zot: the path must be absolute',
  });
});
