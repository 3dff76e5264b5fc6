import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openDockerArchive, openLayout, openZotRoot } from '../../pkg/layout/index.ts';
import { copyGraph, parseImageManifest } from '../../pkg/oci/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { makeImage, makeReferrer, putImage } from '../helpers/images.ts';
import { startRegistry } from '../helpers/registries.ts';

const run = promisify(execFile);
const type = 'application/vnd.machine.signature';
const regctl = resolveTool('regctl');
const crane = resolveTool('crane');

function resolveTool(name: string): string {
  return join(import.meta.dirname, '../../build/tools', name);
}

async function made(t: ExecutionContext) {
  const folder = await scratchFolder(t, 'layout');
  const env = { HOME: folder, DOCKER_CONFIG: folder, PATH: '/usr/bin:/bin' };
  const tool = async (program: string, ...args: string[]): Promise<string> =>
    (await run(program, args, { env, cwd: folder, maxBuffer: 1 << 26 })).stdout.trim();
  await mkdir(join(folder, 'tree/etc'), { recursive: true });
  await writeFile(join(folder, 'tree/etc/file'), randomBytes(100_000));
  await tool('tar', '--owner=0', '--group=0', '-cf', 'layer.tar', '-C', 'tree', 'etc');
  const image = makeImage([await readFile(join(folder, 'layer.tar'))]);
  return {
    folder,
    tool,
    image,
    open: (name: string) => openLayout(linuxHost, join(folder, name), { create: true }),
  };
}

test('skopeo, umoci, regctl and crane read a layout of ours', async (t) => {
  const { folder, tool, image, open } = await made(t);
  const layout = await open('ours');
  await putImage(layout, image, 'v1');
  await layout.tag(image.root, 'v2');
  await putImage(layout, makeReferrer(image.root, type, 'signed'));
  t.is(await tool('skopeo', 'inspect', '--format', '{{.Digest}}', 'oci:ours:v1'), image.root.digest);
  await tool('skopeo', 'copy', '--preserve-digests', 'oci:ours:v2', 'oci:skopeo:v2');
  t.is(await tool('umoci', 'ls', '--layout', 'ours'), 'v1\nv2');
  await tool('umoci', 'unpack', '--rootless', '--image', 'ours:v1', 'bundle');
  t.deepEqual(
    await readFile(join(folder, 'bundle/rootfs/etc/file')),
    await readFile(join(folder, 'tree/etc/file')),
  );
  t.is(await tool(regctl, 'tag', 'ls', 'ocidir://ours'), 'v1\nv2');
  await tool(regctl, 'image', 'copy', 'ocidir://ours:v1', 'ocidir://regctl:v1');
  for (const name of ['skopeo', 'regctl']) {
    const copy = await open(name);
    t.is((await copy.resolve((await copy.tags())[0] ?? '')).digest, image.root.digest, name);
    t.deepEqual((await copy.verify()).problems, [], name);
  }
  const single = await open('single');
  await copyGraph(layout, single, image.root, { tag: 'v1' });
  const registry = await startRegistry(t, { kind: 'docker' });
  await tool(crane, 'push', 'single', `${registry.host}/app:v1`);
  t.is(await tool(crane, 'digest', `${registry.host}/app:v1`), image.root.digest);
});

test('a zot root of ours is a folder of layouts to the others', async (t) => {
  const { folder, tool, image } = await made(t);
  const root = await openZotRoot(linuxHost, join(folder, 'zot'), { create: true });
  const repository = await root.repository('vendor/app', { create: true });
  await putImage(repository, image, '1.0.0');
  t.is(
    await tool('skopeo', 'inspect', '--format', '{{.Digest}}', 'oci:zot/vendor/app:1.0.0'),
    image.root.digest,
  );
  t.is(await tool(regctl, 'image', 'digest', 'ocidir://zot/vendor/app:1.0.0'), image.root.digest);
  await tool('skopeo', 'copy', '--preserve-digests', 'oci:zot/vendor/app:1.0.0', 'oci:zot/vendor/copy:1');
  t.deepEqual(await root.repositories(), ['vendor/app', 'vendor/copy']);
  t.is((await (await root.repository('vendor/copy')).resolve('1')).digest, image.root.digest);
});

test('layouts of skopeo, umoci, regctl and crane are read, referrers of regctl too', async (t) => {
  const { tool, image, open } = await made(t);
  const registry = await startRegistry(t, { kind: 'referrers' });
  const at = `${registry.host}/app:v1`;
  await putImage(await open('ours'), image, 'v1');
  await tool(
    'skopeo',
    'copy',
    '--preserve-digests',
    '--dest-tls-verify=false',
    'oci:ours:v1',
    `docker://${at}`,
  );
  await tool(
    'skopeo',
    'copy',
    '--preserve-digests',
    '--src-tls-verify=false',
    `docker://${at}`,
    'oci:skopeo:v1',
  );
  await tool(crane, 'pull', '--format=oci', '--annotate-ref', at, 'crane');
  const plain = ['--host', `reg=${registry.host},tls=disabled`];
  await tool(regctl, ...plain, 'image', 'copy', at, 'ocidir://regctl:v1');
  await tool(
    regctl,
    'artifact',
    'put',
    '--subject',
    'ocidir://regctl:v1',
    '--artifact-type',
    type,
    '-f',
    'layer.tar',
  );
  await tool('umoci', 'init', '--layout', 'umoci');
  await tool('umoci', 'new', '--image', 'umoci:v1');
  await tool('umoci', 'insert', '--rootless', '--image', 'umoci:v1', 'tree/etc', '/etc');
  for (const [name, tag] of [
    ['skopeo', 'v1'],
    ['crane', at],
    ['regctl', 'v1'],
  ] as const) {
    const layout = await open(name);
    t.is((await layout.resolve(tag)).digest, image.root.digest, name);
    t.deepEqual((await layout.verify()).problems, [], name);
  }
  const [referrer] = await (await open('regctl')).referrers(image.root);
  t.is(referrer?.artifactType, type);
  const umoci = await open('umoci');
  const root = await umoci.resolve('v1');
  t.is(parseImageManifest(await umoci.read(root), 'it').layers.length, 1);
  await copyGraph(umoci, await open('copied'), root, { tag: 'v1' });
  t.deepEqual((await (await open('copied')).verify()).problems, []);
});

test('others write into our layout and we into theirs; nobody loses an image', async (t) => {
  const { tool, image, open } = await made(t);
  const ours = await open('shared');
  await putImage(ours, image, 'ours');
  await putImage(ours, makeReferrer(image.root, type, 'signed'));
  await putImage(await open('other'), makeImage(['another']), 'v1');
  await tool('skopeo', 'copy', '--preserve-digests', 'oci:other:v1', 'oci:shared:skopeo');
  await tool('umoci', 'tag', '--image', 'shared:ours', 'umoci');
  await tool(regctl, 'image', 'copy', 'ocidir://other:v1', 'ocidir://shared:regctl');
  await ours.tag(image.root, 'again');
  t.deepEqual(await ours.tags(), ['again', 'ours', 'regctl', 'skopeo', 'umoci']);
  t.is((await ours.referrers(image.root)).length, 1);
  t.deepEqual((await ours.gc()).blobs, []);
  await tool('umoci', 'gc', '--layout', 'shared');
  t.deepEqual((await ours.verify()).problems, []);
  t.is((await ours.referrers(image.root)).length, 1);
  await ours.gc({ keep: new Set([image.root.digest]) });
  t.deepEqual((await ours.verify()).problems, []);
  t.is(await tool('skopeo', 'inspect', '--format', '{{.Digest}}', 'oci:shared:ours'), image.root.digest);
});

test('a docker-archive of skopeo and one of crane become images', async (t) => {
  const { folder, tool, image, open } = await made(t);
  await putImage(await open('ours'), image, 'v1');
  const registry = await startRegistry(t, { kind: 'docker' });
  await tool('skopeo', 'copy', 'oci:ours:v1', 'docker-archive:skopeo.tar:app:1.0');
  await tool('skopeo', 'copy', '--dest-tls-verify=false', 'oci:ours:v1', `docker://${registry.host}/app:1.0`);
  await tool(crane, 'pull', `${registry.host}/app:1.0`, 'crane.tar');
  for (const [name, tag] of [
    ['skopeo', '1.0'],
    ['crane', `${registry.host}/app:1.0`],
  ] as const) {
    const archive = await openDockerArchive(linuxHost, join(folder, `${name}.tar`));
    const root = await archive.resolve(tag);
    const target = await open(`from-${name}`);
    await copyGraph(archive, target, root, { tag: 'v1' });
    t.deepEqual((await target.verify()).problems, [], name);
    const bundle = `bundle-${name}`;
    await tool('umoci', 'unpack', '--rootless', '--image', `from-${name}:v1`, bundle);
    t.deepEqual(await readdir(join(folder, bundle, 'rootfs/etc')), ['file'], name);
  }
});
