import { mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { type Layout, openLayout } from '../../pkg/layout/index.ts';
import { media } from '../../pkg/oci/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { content, makeImage, putImage } from '../helpers/images.ts';

async function made(t: ExecutionContext): Promise<{ layout: Layout; folder: string }> {
  const folder = join(await scratchFolder(t), 'a/layout');
  return { folder, layout: await openLayout(linuxHost, folder, { create: true }) };
}

test('a new layout has the files of the specification', async (t) => {
  const { folder } = await made(t);
  t.deepEqual((await readdir(folder)).sort(), ['.mos', 'blobs', 'index.json', 'oci-layout']);
  t.is(await readFile(join(folder, 'oci-layout'), 'utf8'), '{"imageLayoutVersion":"1.0.0"}\n');
  t.is(
    await readFile(join(folder, 'index.json'), 'utf8'),
    '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}\n',
  );
});

test('what was put and tagged is found again by another opener, who writes nothing', async (t) => {
  const { layout, folder } = await made(t);
  const image = makeImage(['one', 'two']);
  await putImage(layout, image, 'v1');
  await rm(join(folder, '.mos'), { recursive: true });
  const other = await openLayout(linuxHost, folder);
  t.deepEqual(await other.tags(), ['v1']);
  const root = await other.resolve('v1');
  t.is(root.digest, image.root.digest);
  t.deepEqual(Buffer.from(await other.read(root)), Buffer.from(image.manifest.bytes));
  t.is(await other.blobFile(root), `${other.folder}/blobs/sha256/${root.digest.slice(7)}`);
  t.deepEqual((await other.verify()).problems, []);
  t.deepEqual((await readdir(folder)).sort(), ['blobs', 'index.json', 'oci-layout']);
});

test('what is no layout is refused', async (t) => {
  const { folder } = await made(t);
  const open = () => openLayout(linuxHost, folder);
  await t.throwsAsync(openLayout(linuxHost, 'out'), {
    message: 'cannot open the layout out: the path must be absolute',
  });
  await t.throwsAsync(openLayout(linuxHost, `${folder}-none`), {
    message: `cannot open the layout ${folder}-none: there is no such folder`,
  });
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"2.0.0"}');
  await t.throwsAsync(open(), {
    message: `cannot open the layout ${folder}: it has version "2.0.0", this program knows 1.0.0`,
  });
  await writeFile(join(folder, 'oci-layout'), 'x');
  await t.throwsAsync(open(), { message: `cannot open the layout ${folder}: oci-layout is not JSON` });
  await writeFile(join(folder, 'oci-layout'), 'null');
  await t.throwsAsync(open(), { message: `cannot open the layout ${folder}: oci-layout is not JSON` });
  await rm(join(folder, 'oci-layout'));
  await t.throwsAsync(open(), {
    message: `cannot open the layout ${folder}: it has no oci-layout, so it is none`,
  });
});

test('an index.json of more than 4 MiB is not read', async (t) => {
  const { layout, folder } = await made(t);
  await truncate(join(folder, 'index.json'), 5_000_000);
  await t.throwsAsync(layout.tags(), {
    message: `cannot read ${folder}/index.json: it has 5000000 bytes, the limit is 4194304`,
  });
});

test('symbolic links lead nowhere: folders, index.json, blobs', async (t) => {
  const { layout, folder } = await made(t);
  const outside = await scratchFolder(t, 'outside');
  const image = makeImage(['secret']);
  await putImage(layout, image, 'v1');
  const { descriptor } = content(media.layerTar, 'secret');
  const blob = join(folder, 'blobs/sha256', descriptor.digest.slice('sha256:'.length));
  await writeFile(join(outside, 'file'), 'secret');
  await rm(blob);
  await symlink(join(outside, 'file'), blob);
  await t.throwsAsync(layout.blobFile(descriptor), {
    message: `cannot use ${blob}: it is a symlink in place of a file`,
  });
  t.false(await layout.has(descriptor));
  t.deepEqual(
    (await layout.verify()).problems.map(({ kind, message }) => [kind, message]),
    [['invalid', `cannot use ${blob}: it is a symlink in place of a file`]],
  );
  await layout.put(descriptor, one('secret'));
  t.deepEqual((await layout.verify()).problems, [], 'the link was replaced');
  t.is(await readFile(join(outside, 'file'), 'utf8'), 'secret');

  await rm(join(folder, 'index.json'));
  await writeFile(join(outside, 'index.json'), '{"schemaVersion":2,"manifests":[]}');
  await symlink(join(outside, 'index.json'), join(folder, 'index.json'));
  await t.throwsAsync(layout.tags(), {
    message: `cannot open ${folder}/index.json: a symbolic link is not followed here, or there are too many`,
    code: 'invalid',
  });

  await rm(join(folder, 'blobs/sha256'), { recursive: true });
  await symlink(outside, join(folder, 'blobs/sha256'));
  await t.throwsAsync(openLayout(linuxHost, folder), {
    message: `cannot open the layout ${folder}: ${folder}/blobs/sha256 is no folder`,
  });
});

async function* one(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

test('a half made layout is completed', async (t) => {
  const folder = join(await scratchFolder(t), 'layout');
  await mkdir(join(folder, 'blobs/sha256'), { recursive: true });
  const layout = await openLayout(linuxHost, folder, { create: true });
  t.deepEqual(await layout.tags(), []);
});
