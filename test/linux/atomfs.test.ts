import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { atomfs } from '../../cmd/atomfs/commands.ts';
import { run } from '../../cmd/cli/run.ts';
import { linuxHost as host } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import { digestHex, media } from '../../pkg/oci/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { chunks, content } from '../helpers/images.ts';
import { type LayerOptions, leavesNothing, makeLayer } from '../helpers/layers.ts';

type Called = { readonly exit: number; readonly stdout: string; readonly stderr: string };

/** A layout with the image `two`, of two layers, and the command with a metadata folder of the test's own. */
async function place(t: ExecutionContext, options: LayerOptions = {}) {
  const folder = await scratchFolder(t);
  await leavesNothing(t, folder);
  const layers = [
    await makeLayer(folder, { 'README.md': 'bottom', 'gone.txt': 'x' }, options),
    await makeLayer(folder, { 'random.txt': 'top', 'gone.txt': { whiteout: true } }, options),
  ];
  const layout = await openLayout(host, `${folder}/oci`, { create: true });
  for (const { descriptor, file } of layers) await layout.put(descriptor, host.files.stream(file));
  const config = content(media.config, { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers' } });
  const manifest = content(media.manifest, {
    schemaVersion: 2,
    mediaType: media.manifest,
    config: config.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
  });
  for (const { descriptor, bytes } of [config, manifest]) await layout.put(descriptor, chunks(bytes));
  await layout.tag(manifest.descriptor, 'two');
  const target = `${folder}/mnt`;
  mkdirSync(target);
  t.teardown(() => void execFileSync('sh', ['-c', `while umount -l ${target} 2>/dev/null; do :; done`]));
  return { folder, layers, target, atomfs: (line: string) => called(folder, line) };
}

async function called(folder: string, line: string): Promise<Called> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const [verb = '', ...words] = line.split(' ');
  const exit = await run(host, atomfs, [verb, '--metadir', `${folder}/meta`, ...words], {
    stdout: { write: (text) => void stdout.push(text) },
    stderr: { write: (text) => void stderr.push(text), columns: undefined },
    readStdin: async () => '',
    cwd: folder,
    signal: new AbortController().signal,
    version: '1',
    builtAt: new Date(0),
  });
  return { exit, stdout: stdout.join(''), stderr: stderr.join('') };
}

const silent: Called = { exit: 0, stdout: '', stderr: '' };

test('mount, verify and umount of an image, read-only', async (t) => {
  const at = await place(t);
  t.deepEqual(await at.atomfs('mount --integrity digest oci:two mnt'), silent);
  t.deepEqual(readdirSync(at.target).sort(), ['README.md', 'random.txt']);
  t.throws(() => writeFileSync(`${at.target}/do-not-let-me`, ''), { code: 'EROFS' });
  const blob = (index: number) =>
    `${at.folder}/oci/blobs/sha256/${digestHex(at.layers[index]?.descriptor.digest ?? ('' as never))}`;
  t.deepEqual(await at.atomfs('verify mnt'), { ...silent, stdout: `${blob(0)}: OK\n${blob(1)}: OK\n` });
  t.deepEqual(await at.atomfs('umount mnt'), silent);
  t.deepEqual([readdirSync(at.target), readdirSync(`${at.folder}/meta/molecules`)], [[], []]);
});

for (const flag of ['--writeable', '--writable'])
  test(`what is written with ${flag} is gone after umount`, async (t) => {
    const at = await place(t);
    t.deepEqual(await at.atomfs(`mount ${flag} --integrity digest oci:two ${at.target}`), silent);
    writeFileSync(`${at.target}/new`, '');
    await at.atomfs('umount mnt');
    t.deepEqual(await at.atomfs('mount --integrity=digest oci:two mnt'), silent);
    t.deepEqual(readdirSync(at.target).sort(), ['README.md', 'random.txt']);
    await at.atomfs('umount mnt');
  });

test('what is written with --persist is kept', async (t) => {
  const at = await place(t);
  t.deepEqual(await at.atomfs('mount --persist keep --integrity digest oci:two mnt'), silent);
  writeFileSync(`${at.target}/README.md`, 'mine');
  t.deepEqual(await at.atomfs('umount mnt'), silent);
  t.is(readFileSync(`${at.folder}/keep/persist/README.md`, 'utf8'), 'mine');
});

test('a folder of --persist that a mount has, by whatever name, is not given to another one', async (t) => {
  const at = await place(t);
  const keep = 'a,b:c\\d';
  mkdirSync(`${at.folder}/${keep}`);
  symlinkSync(keep, `${at.folder}/link`);
  mkdirSync(`${at.folder}/mnt2`);
  t.deepEqual(await at.atomfs(`mount --persist ${keep} --integrity digest oci:two mnt`), silent);
  const again = await at.atomfs('mount --persist link --integrity digest oci:two mnt2');
  t.deepEqual(
    [again.exit, again.stderr.replaceAll(at.folder, '')],
    [
      10,
      'atomfs: cannot keep changes in /link: the mount at /mnt does\n  unmount it first, or give each mount a folder of its own\n',
    ],
  );
  t.deepEqual(readdirSync(`${at.folder}/mnt2`), []);
  t.deepEqual(await at.atomfs('mount --persist other --integrity digest oci:two mnt2'), silent);
  for (const target of ['mnt2', 'mnt']) t.deepEqual(await at.atomfs(`umount ${target}`), silent);
  t.deepEqual(await at.atomfs('mount --persist link --integrity digest oci:two mnt'), silent);
  t.deepEqual(await at.atomfs('umount mnt'), silent);
});

test('missing verity data has to be allowed', async (t) => {
  const at = await place(t, { tree: 'none' });
  const digest = at.layers[0]?.descriptor.digest;
  t.deepEqual(await at.atomfs('mount oci:two mnt'), {
    exit: 4,
    stdout: '',
    stderr:
      `atomfs: cannot mount the layer ${digest}: it is missing verity data\n` +
      '  convert the image with `mosb image convert`; `atomfs mount --allow-missing-verity` hashes such a layer whole before the mount\n',
  });
  t.deepEqual(await at.atomfs('mount --allow-missing-verity oci:two mnt'), silent);
  t.deepEqual(await at.atomfs('umount mnt'), silent);
});

const refused = test.macro({
  exec: async (t, line: string, exit: number, message: string) => {
    const at = await place(t);
    await at.atomfs('mount --integrity digest oci:two mnt');
    const result = await at.atomfs(line);
    await at.atomfs('umount mnt');
    t.deepEqual([result.exit, result.stderr.replaceAll(at.folder, '').split('\n')[0]], [exit, message]);
  },
  title: (_, line) => `"${line}" is refused`,
});
test(refused, 'mount oci mnt', 2, 'atomfs: cannot use "oci" as an image: the form is OCIDIR:TAG');
test(refused, 'mount none:two mnt', 7, 'atomfs: cannot open the layout /none: there is no such folder');
test(
  refused,
  'mount --integrity digest oci:two mnt',
  8,
  'atomfs: cannot mount at /mnt: the image is mounted there',
);
test(refused, 'mount --integrity digest oci:two none', 7, 'atomfs: cannot resolve /none: it does not exist');
test(refused, 'umount oci', 9, 'atomfs: cannot unmount /oci: nothing is mounted there');
test(refused, 'verify oci', 9, 'atomfs: cannot verify /oci: no image of ours is mounted there');
