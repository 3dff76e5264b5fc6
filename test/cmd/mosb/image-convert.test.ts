import { execFileSync } from 'node:child_process';
import { mkdir, readdir, rmdir } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import type { Host } from '../../../pkg/host/index.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { openLayout } from '../../../pkg/layout/index.ts';
import { call, plain } from '../../helpers/cli.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { tarOf } from '../../helpers/tar.ts';
import { emptyLayout, gzipLayer, putImage } from '../../helpers/tar-images.ts';

const layer = gzipLayer(tarOf({ name: './', type: '5', mode: 0o755 }, { name: 'a', data: 'text' }));

async function place(t: ExecutionContext) {
  const folder = await temporaryFolder(t);
  const layout = await emptyLayout(`${folder}/images`);
  const config = { architecture: 'amd64', config: { Cmd: ['/a'] } };
  await layout.tag(await putImage(layout, [layer], { config }), 'web');
  await mkdir(`${folder}/tmp`);
  const values: Readonly<Record<string, string>> = {
    TMPDIR: `${folder}/tmp`,
    XDG_CACHE_HOME: `${folder}/cache`,
  };
  const machine = {
    ...linuxHost.machine,
    architecture: 'x86_64',
    environment: (name: string) => values[name],
  };
  const host: Host = { ...linuxHost, machine };
  return {
    folder,
    convert: (...words: string[]) => call(['mosb', 'image', 'convert', ...words], { host, cwd: folder }),
  };
}

test('a TMPDIR that is not there is told and not made', async (t) => {
  const { folder, convert } = await place(t);
  await rmdir(`${folder}/tmp`);
  const { exit, stderr } = await convert('oci:images:web', 'oci:made:web');
  t.is(exit, 7);
  t.regex(
    stderr,
    /^mosb: cannot use TMPDIR=\/.*\/tmp: it is not there\n.*make the folder, or set TMPDIR to another one\n$/,
  );
  t.deepEqual((await readdir(folder)).sort(), ['images']);
});

test('an image is converted, named and shown; nothing is left in TMPDIR', async (t) => {
  const { folder, convert } = await place(t);
  const first = await convert('--json', 'oci:images:web', 'oci:made:web');
  t.is(first.stderr, '');
  t.is(first.exit, 0);
  const image = JSON.parse(first.stdout);
  t.like(image, { reference: `oci:${folder}/made:web`, platform: 'linux/amd64', command: ['/a'] });
  t.deepEqual(
    image.layers.map((one: { format: string }) => one.format),
    ['squashfs'],
  );
  t.deepEqual(await readdir(`${folder}/tmp`), []);
  t.is((await readdir(`${folder}/cache/machine/converted`)).length, 1);
  const again = await convert('--json', 'oci:images:web', 'oci:other:web');
  t.deepEqual(JSON.parse(again.stdout), { ...image, reference: `oci:${folder}/other:web` });
});

test('what an image says of itself is shown without steering the terminal, and nothing where it says nothing', async (t) => {
  const { folder, convert } = await place(t);
  const layout = await openLayout(linuxHost, `${folder}/images`);
  const shown = async (tag: string, config: Readonly<Record<string, unknown>>) => {
    await layout.tag(await putImage(layout, [layer], { config }), tag);
    return (await convert(`oci:images:${tag}`, 'oci:made:x')).stdout.split('\n')[2];
  };
  const command = { config: { Cmd: ['\u001b[2J', 'a\nb'] } };
  t.is(
    await shown('hostile', { ...command, architecture: 'amd\n64' }),
    '  platform linux/amd\\x0a64, runs \\x1b[2J a\\x0ab',
  );
  t.is(await shown('empty', { ...command, os: '', architecture: '' }), '  runs \\x1b[2J a\\x0ab');
});

test('a docker-archive gives the same layers', async (t) => {
  const { folder, convert } = await place(t);
  const archive = `docker-archive:${folder}/web.tar:example.org/web:1`;
  execFileSync('skopeo', ['--insecure-policy', 'copy', '-q', `oci:${folder}/images:web`, archive]);
  const direct = JSON.parse((await convert('--json', 'oci:images:web', 'oci:made:web')).stdout);
  for (const source of ['docker-archive:web.tar', 'docker-archive:web.tar:example.org/web:1']) {
    const made = await convert('--json', '--fresh', source, 'oci:made:other');
    t.deepEqual(JSON.parse(made.stdout).layers, direct.layers);
  }
});

test('--fresh keeps nothing', async (t) => {
  const { folder, convert } = await place(t);
  t.is((await convert('--quiet', '--fresh', 'oci:images:web', 'oci:made:web')).exit, 0);
  t.deepEqual((await readdir(folder)).sort(), ['images', 'made', 'tmp']);
});

const refuses = test.macro({
  async exec(t, words: readonly string[], exit: number, message: string) {
    const { folder, convert } = await place(t);
    const called = await convert('--quiet', ...words);
    const stderr = plain(called.stderr, { FOLDER: folder });
    t.deepEqual({ ...called, stderr }, { exit, stdout: '', stderr: `mosb: ${message}\n` });
  },
  title: (what) => `it refuses ${what}`,
});
test(
  'a digest as the destination',
  refuses,
  ['oci:images:web', `example.org/web@sha256:${'0'.repeat(64)}`],
  2,
  'cannot convert to a digest: what it will be is not known before\n  give the destination a tag',
);
test(
  'a platform of another form',
  refuses,
  ['--platform', 'arm64', 'oci:images:web', 'oci:made:web'],
  2,
  'cannot use "arm64" as a platform: the form is linux/arm64',
);
test(
  'an image that is not there',
  refuses,
  ['oci:images:none', 'oci:made:web'],
  7,
  'cannot find none in FOLDER/images: no image there has that name\n  names there: web',
);
test(
  'a layer that unpacks to too much',
  refuses,
  ['--max-unpacked', '100', 'oci:images:web', 'oci:made:web'],
  3,
  'cannot convert the layer sha256:SHA: cannot unpack the tar: it is larger than 100 bytes\n  allow more with --max-unpacked if the image is really that large',
);
