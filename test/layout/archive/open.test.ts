import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { hintOf } from '../../../pkg/errors/index.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { openDockerArchive, openLayout } from '../../../pkg/layout/index.ts';
import {
  copyGraph,
  type Descriptor,
  digestOf,
  media,
  parseImageManifest,
  readVerified,
} from '../../../pkg/oci/index.ts';
import { scratchFolder } from '../../helpers/folders.ts';

const run = promisify(execFile);
const layers = [randomBytes(700_000), randomBytes(20_000)] as const;
const configOf = (...tars: Uint8Array[]) =>
  JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: ['sh'] },
    rootfs: { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) },
  });

/** Packs files by tar(1), in the order given. */
async function pack(t: ExecutionContext, files: Record<string, string | Uint8Array | { link: string }>) {
  const folder = await scratchFolder(t, 'archive');
  for (const [name, data] of Object.entries(files)) {
    await mkdir(dirname(join(folder, 'in', name)), { recursive: true });
    if (typeof data === 'object' && 'link' in data) await symlink(data.link, join(folder, 'in', name));
    else await writeFile(join(folder, 'in', name), data);
  }
  const path = join(folder, 'image.tar');
  await run('tar', ['-cf', path, '-C', join(folder, 'in'), ...Object.keys(files)]);
  return { folder, path };
}

test('an archive with plain layers, one of them shared by a link, becomes an OCI image', async (t) => {
  const config = configOf(layers[0], layers[1], layers[0]);
  const { folder, path } = await pack(t, {
    'abc/layer.tar': layers[0],
    'def/layer.tar': layers[1],
    'ghi/layer.tar': { link: '../abc/layer.tar' },
    'config.json': config,
    'manifest.json': JSON.stringify([
      {
        Config: 'config.json',
        RepoTags: ['docker.io/library/app:1.0', 'registry.example/team/app:latest'],
        Layers: ['abc/layer.tar', 'def/layer.tar', 'ghi/layer.tar'],
      },
    ]),
  });
  const archive = await openDockerArchive(linuxHost, path);
  const [image] = archive.images;
  t.deepEqual(image?.names, ['docker.io/library/app:1.0', 'registry.example/team/app:latest']);
  for (const name of [
    'app:1.0',
    'docker.io/library/app:1.0',
    'latest',
    '1.0',
    '',
    `${image?.descriptor.digest}`,
  ])
    t.deepEqual(await archive.resolve(name), image?.descriptor as Descriptor);
  const root = await archive.resolve('latest');
  const manifest = parseImageManifest(await readVerified(root, archive.open(root)), 'it');
  t.deepEqual(
    [manifest.config, ...manifest.layers].map(({ mediaType, digest, size }) => [mediaType, digest, size]),
    [
      [media.config, digestOf(Buffer.from(config)), config.length],
      [media.layerTar, digestOf(layers[0]), 700_000],
      [media.layerTar, digestOf(layers[1]), 20_000],
      [media.layerTar, digestOf(layers[0]), 700_000],
    ],
  );
  const layout = await openLayout(linuxHost, join(folder, 'layout'), { create: true });
  await copyGraph(archive, layout, root, { tag: 'v1' });
  t.deepEqual((await layout.verify()).problems, []);
  t.deepEqual(
    (await openDockerArchive(linuxHost, path)).images,
    archive.images,
    'the same digests each time',
  );
});

test('packed layers, as crane and newer docker write them, keep their bytes', async (t) => {
  const packed = [gzipSync(layers[0]), zstdCompressSync(layers[1])] as const;
  const { path } = await pack(t, {
    'manifest.json': JSON.stringify([
      { Config: 'c', RepoTags: null, Layers: ['blobs/sha256/x', 'y.tar.zst'] },
    ]),
    c: configOf(...layers),
    'blobs/sha256/x': packed[0],
    'y.tar.zst': packed[1],
  });
  const archive = await openDockerArchive(linuxHost, path);
  const root = await archive.resolve('');
  const manifest = parseImageManifest(await readVerified(root, archive.open(root)), 'it');
  t.deepEqual(
    manifest.layers.map(({ mediaType, digest, size }) => [mediaType, digest, size]),
    [
      [media.layerTarGzip, digestOf(packed[0]), packed[0].length],
      [media.layerTarZstd, digestOf(packed[1]), packed[1].length],
    ],
  );
});

test('several images are told apart by their names', async (t) => {
  const { path } = await pack(t, {
    a: configOf(layers[0]),
    b: configOf(layers[1]),
    '0': layers[0],
    '1': layers[1],
    'manifest.json': JSON.stringify([
      { Config: 'a', RepoTags: ['a:1'], Layers: ['0'] },
      { Config: 'b', RepoTags: ['b:1', 'b:2'], Layers: ['1'] },
    ]),
  });
  const archive = await openDockerArchive(linuxHost, path);
  for (const name of ['b:1', '2'])
    t.deepEqual(await archive.resolve(name), archive.images[1]?.descriptor as Descriptor);
  const hint = 'names there: a:1, b:1, b:2';
  for (const [name, why] of [
    ['', '2 images fit'],
    ['1', '2 images fit'],
    ['c:1', 'no image there has that name'],
  ]) {
    const error = await t.throwsAsync(archive.resolve(name ?? ''));
    t.is(error?.message, `cannot find ${JSON.stringify(name)} in ${path}: ${why}`);
    t.is(hintOf(error), hint);
  }
});

test('a layer whose bytes are not those of the config ends in an error', async (t) => {
  const { path } = await pack(t, {
    'manifest.json': JSON.stringify([{ Config: 'c', RepoTags: ['a:1'], Layers: ['l'] }]),
    c: configOf(layers[0]),
    l: layers[1],
  });
  const archive = await openDockerArchive(linuxHost, path);
  const root = await archive.resolve('a:1');
  const [layer] = parseImageManifest(await readVerified(root, archive.open(root)), 'it').layers;
  t.truthy(layer);
  if (layer !== undefined)
    await t.throwsAsync(readVerified(layer, archive.open(layer)), {
      message: `cannot accept the bytes of ${digestOf(layers[0])}: they hash to ${digestOf(layers[1])}`,
    });
});

const refuses = test.macro({
  exec: async (t, files: Record<string, string | Uint8Array | { link: string }>, why: string) => {
    const { path } = await pack(t, files);
    await t.throwsAsync(openDockerArchive(linuxHost, path), {
      code: 'invalid',
      message: `cannot read the archive ${path}: ${why}`,
    });
  },
  title: (_, __, why) => `refused: ${why}`,
});
const list = (entry: object) => JSON.stringify([entry]);
test(refuses, { a: 'b' }, '"manifest.json" is missing');
test(refuses, { 'manifest.json': 'x' }, 'manifest.json is not JSON');
test(
  refuses,
  { 'manifest.json': list({ Config: 'c', Layers: [1] }) },
  'manifest.json is no list of images with Config, RepoTags and Layers',
);
test(
  refuses,
  { 'manifest.json': list({ Config: '../../etc/passwd', Layers: [] }) },
  '"../../etc/passwd" is missing',
);
test(
  refuses,
  { 'manifest.json': list({ Config: 'c', Layers: ['l'] }), c: configOf(), l: '' },
  'c does not name the digests of its 1 layers',
);
test(
  refuses,
  {
    'manifest.json': list({ Config: 'c', Layers: ['l'] }),
    c: configOf(layers[0]),
    l: { link: '/etc/passwd' },
  },
  '"l" is missing',
);
test(
  refuses,
  { 'manifest.json': list({ Config: 'c', Layers: ['l'] }), c: configOf(layers[0]), l: { link: 'l' } },
  '"l" is behind more than 8 links',
);

test('an archive of an OCI layout, as skopeo writes it for oci-archive, is told what to do with', async (t) => {
  const { path } = await pack(t, { 'oci-layout': '{}', 'index.json': '{}' });
  const refusal = await t.throwsAsync(openDockerArchive(linuxHost, path), {
    message: `cannot read the archive ${path}: it holds an OCI layout`,
  });
  t.is(hintOf(refusal), 'unpack it with tar into a folder and name that: oci:DIR:TAG');
});
