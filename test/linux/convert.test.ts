import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { convertImage, type LayerFormat } from '../../pkg/atomfs/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost as host } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import { type Descriptor, digestHex, type ImageManifest } from '../../pkg/oci/index.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { tarOf } from '../helpers/tar.ts';
import { emptyLayout, plainLayer, putImage, readJson } from '../helpers/tar-images.ts';
import { walk, xattrsOf } from '../helpers/walk.ts';

const formats: readonly LayerFormat[] = ['squashfs', 'erofs'];
const bytes = (text: string) => Buffer.from(text, 'latin1');

/** All that a tar can hold and a file system of ours keeps. */
function makeTree(root: string, longest: number): void {
  const [d, e, f] = ['d', 'e', 'f'].map((letter) => letter.repeat(longest));
  const run = (...argv: readonly [string, ...string[]]) =>
    execFileSync(argv[0], argv.slice(1), { cwd: root });
  mkdirSync(root, { mode: 0o751 });
  for (const name of ['empty', 'sub', 'sub/deeper', `long/${d}/${e}`])
    mkdirSync(`${root}/${name}`, { recursive: true });
  writeFileSync(`${root}/sub/file`, 'x'.repeat(300_000));
  writeFileSync(`${root}/sub/empty`, '');
  for (const mode of [0o000, 0o400, 0o1777, 0o2755, 0o4711, 0o6777]) {
    writeFileSync(`${root}/mode-${mode.toString(8)}`, String(mode));
    chmodSync(`${root}/mode-${mode.toString(8)}`, mode);
  }
  writeFileSync(`${root}/long/${d}/${e}/${f}`, 'long');
  for (const name of ['caf\xe9', 'new\nline', 'back\\slash', ' blank ', '*?[', '-dash', '\x01\x7f'])
    writeFileSync(Buffer.concat([bytes(`${root}/`), bytes(name)]), name);
  for (const link of ['sub/hard1', 'hard2', 'sub/deeper/hard3']) run('ln', 'sub/file', link);
  for (const [name, target] of [
    ['relative', '../sub/file'],
    ['absolute', '/etc/passwd'],
    ['long-link', `/${'t/'.repeat(1000)}end`],
    ['up-link', `../${'u'.repeat(200)}`],
  ] as const)
    symlinkSync(target, `${root}/${name}`);
  run('ln', '-P', 'relative', 'hard-to-link');
  run('mknod', 'char', 'c', '1', '3');
  run('mknod', 'block', 'b', '259', '524287');
  run('mkfifo', 'fifo');
  const sparse = openSync(`${root}/sparse`, 'w');
  for (const place of [0, 5_000_000, 40_000_000])
    writeSync(sparse, Buffer.alloc(1000, 1 + place), 0, 1000, place);
  truncateSync(`${root}/sparse`, 64_000_123);
  truncateSync(`${root}/mode-400`, 10_000_000);
  run('chown', '-h', '1000:2000', 'sub', 'relative', 'fifo');
  run('chown', '4294967294:3000000', 'sub/empty');
  run('setfattr', '-n', 'user.text', '-v', 'value', 'sub/file');
  run('setfattr', '-n', 'user.binary', '-v', '0x00010aff3d', 'sub/file');
  run('setfattr', '-n', 'user.empty', 'sub');
  run('setfattr', '-n', 'trusted.one', '-v', 'x', 'sub/deeper');
  run('setfattr', '-h', '-n', 'trusted.two', '-v', 'link', 'absolute');
  run('setfattr', '-n', 'user.large', '-v', `0x${'ab'.repeat(3000)}`, 'hard2');
  run('setfattr', '-n', 'user.root', '-v', 'yes', '.');
  run('setfattr', '-n', 'trusted.root', '-v', `0x${'cd'.repeat(3000)}`, '.');
  run('setcap', 'cap_net_raw,cap_net_admin+ep', 'mode-6777');
  lutimesSync(`${root}/relative`, 1_234_567_890.9, 1_234_567_890.9);
  for (const [name, when] of [
    ['empty', 1],
    ['sub/empty', 4_294_967_295],
    ['fifo', 0],
    ['.', 999_999_999],
  ] as const)
    lutimesSync(`${root}/${name}`, when, when);
}

function pack(root: string): Buffer {
  const options = ['--format=posix', '--sparse', '--xattrs', '--xattrs-include=*', '--numeric-owner'];
  return execFileSync('tar', ['-c', ...options, '-C', root, '.'], { maxBuffer: 1e9 });
}

/** Mounts read-only; the mount goes with the test. */
function mountAt(t: ExecutionContext, at: string, ...options: readonly string[]): string {
  mkdirSync(at);
  execFileSync('mount', [...options, at]);
  t.teardown(() => execFileSync('umount', [at]));
  return at;
}

const blob = (folder: string, layer: Descriptor): string =>
  `${folder}/blobs/sha256/${digestHex(layer.digest)}`;

for (const format of formats)
  test.serial(`everything a tar can hold is the same in a mounted ${format} layer`, async (t) => {
    const folder = await temporaryFolder(t);
    // mkfs.erofs 1.5 cuts names of 255 bytes; that is refused, see the test of buildErofs.
    makeTree(`${folder}/tree`, format === 'erofs' ? 254 : 255);
    const source = await emptyLayout(`${folder}/source`);
    const image = await putImage(source, [plainLayer(pack(`${folder}/tree`))]);
    const target = await emptyLayout(`${folder}/target`);
    const notes: string[] = [];
    const report = (event: { kind: string; text?: string }) =>
      event.kind === 'note' && notes.push(event.text ?? '');
    const made = await convertImage(host, source, image, target, { scratch: folder, format, report });
    const { layers } = (await readJson(target, made)) as unknown as ImageManifest;
    const [layer] = layers as readonly [Descriptor];
    const at = mountAt(
      t,
      `${folder}/mounted`,
      '-o',
      'loop,ro',
      '-t',
      format,
      blob(`${folder}/target`, layer),
    );
    t.deepEqual(walk(at), walk(`${folder}/tree`));
    t.deepEqual(xattrsOf(at), xattrsOf(`${folder}/tree`));
    t.deepEqual(notes, []);
  });

for (const format of formats)
  test.serial(`an image of umoci's stacked as ${format} layers equals what umoci unpacks`, async (t) => {
    const folder = await temporaryFolder(t);
    execFileSync('umoci', ['unpack', '--image', 'build/images/layered:1', `${folder}/bundle`]);
    const source = await openLayout(host, `${process.cwd()}/build/images/layered`);
    const target = await emptyLayout(`${folder}/target`);
    const made = await convertImage(host, source, await source.resolve('1'), target, {
      scratch: folder,
      format,
    });
    const { layers } = (await readJson(target, made)) as unknown as ImageManifest;
    t.is(layers.length, 7);
    const lower = layers.map((layer, i) =>
      mountAt(t, `${folder}/${i}`, '-o', 'loop,ro', '-t', format, blob(`${folder}/target`, layer)),
    );
    const dirs = `lowerdir=${lower.toReversed().join(':')}`;
    const at = mountAt(t, `${folder}/all`, '-t', 'overlay', '-o', `ro,${dirs}`, 'overlay');
    // umoci writes holes out.
    const seen = (path: string) => [...walk(path)].map(([name, { isSparse, ...rest }]) => [name, rest]);
    t.deepEqual(seen(at), seen(`${folder}/bundle/rootfs`));
    // Of the two marks of an opaque folder, overlayfs hides the one that it looks at.
    const isMark = (text: string) => text.endsWith('\nuser.overlay.opaque=0x79');
    t.deepEqual(
      xattrsOf(at).filter((text) => !isMark(text)),
      xattrsOf(`${folder}/bundle/rootfs`),
    );
  });

/** A host whose programs run as somebody else. */
function runningAs(uid: number): Host {
  const run: Host['processes']['run'] = ([program, ...rest], options) =>
    host.processes.run(
      ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', program, ...rest],
      options,
    );
  return { ...host, processes: { ...host.processes, run }, machine: { ...host.machine, uid } };
}

async function smallImage(folder: string) {
  const source = await emptyLayout(`${folder}/source`);
  const owned = tarOf(
    { name: './', type: '5', mode: 0o750, uid: 7 },
    { name: 'a', uid: 33, gid: 34, data: 'text', pax: { 'SCHILY.xattr.user.x': 'y' } },
  );
  return { source, image: await putImage(source, [plainLayer(owned)]) };
}

test.serial('who converts does not matter to the bytes', async (t) => {
  const folder = await temporaryFolder(t);
  chmodSync(folder, 0o755);
  const { source, image } = await smallImage(folder);
  const digests: string[] = [];
  for (const uid of [0, 1000, 33]) {
    const scratch = `${folder}/scratch${uid}`;
    mkdirSync(scratch);
    chmodSync(scratch, 0o777);
    const as: Host = {
      ...runningAs(uid),
      files: {
        ...host.files,
        makeFolder: (path) => host.files.makeFolder(path, { mode: 0o777 }).then(() => chmodSync(path, 0o777)),
      },
    };
    const target = await emptyLayout(`${folder}/target${uid}`);
    digests.push((await convertImage(as, source, image, target, { scratch })).digest);
  }
  t.is(new Set(digests).size, 1);
});

test.serial('only root makes erofs', async (t) => {
  const folder = await temporaryFolder(t);
  const { source, image } = await smallImage(folder);
  const target = await emptyLayout(`${folder}/target`);
  const options = { scratch: `${folder}/scratch`, format: 'erofs' } as const;
  await t.throwsAsync(convertImage(runningAs(1000), source, image, target, options), {
    code: 'denied',
    message: 'cannot make an erofs layer: only root can unpack owners and devices for it',
  });
  t.deepEqual(readdirSync(options.scratch), []);
});

test.serial('a name of 255 bytes is refused for erofs', async (t) => {
  const folder = await temporaryFolder(t);
  const source = await emptyLayout(`${folder}/source`);
  const name = 'n'.repeat(255);
  const image = await putImage(source, [plainLayer(tarOf({ name: 'short', pax: { path: name } }))]);
  const target = await emptyLayout(`${folder}/target`);
  await t.throwsAsync(convertImage(host, source, image, target, { scratch: folder, format: 'erofs' }), {
    code: 'unsupported',
    message: `cannot make an erofs layer with "${name}": mkfs.erofs 1.5 cuts names of more than 254 bytes`,
  });
});

test.serial('the same image gives the same erofs at another time and place', async (t) => {
  const folder = await temporaryFolder(t);
  const tmpfs = mountAt(t, `${folder}/tmpfs`, '-t', 'tmpfs', 'none');
  makeTree(`${folder}/tree`, 254);
  const { source, image } = await smallImage(folder);
  const rich = await putImage(source, [plainLayer(pack(`${folder}/tree`))]);
  const digestsOf = async (from: Descriptor, ...scratches: readonly string[]) => {
    const digests = new Set<string>();
    for (const scratch of scratches) {
      const target = await emptyLayout(`${folder}/target-${randomUUID()}`);
      digests.add((await convertImage(host, source, from, target, { scratch, format: 'erofs' })).digest);
    }
    return digests.size;
  };
  t.is(await digestsOf(image, folder, tmpfs, `${folder}/other`), 1);
  // mkfs.erofs takes several attributes of one file in the order in which the file system of scratch lists them.
  t.is(await digestsOf(rich, folder, `${folder}/other`, folder), 1);
});

test.serial('names that mkfs.erofs would leave out are refused for erofs', async (t) => {
  const folder = await temporaryFolder(t);
  const source = await emptyLayout(`${folder}/source`);
  const image = await putImage(source, [plainLayer(tarOf({ name: 'data/lost+found/a' }))]);
  const target = await emptyLayout(`${folder}/target`);
  await t.throwsAsync(convertImage(host, source, image, target, { scratch: folder, format: 'erofs' }), {
    code: 'unsupported',
    message: 'cannot make an erofs layer with "data/lost+found": mkfs.erofs 1.5 leaves such names out',
  });
});

test.serial('a path that scratch cannot hold is refused for erofs, and kept by squashfs', async (t) => {
  const folder = await temporaryFolder(t);
  const source = await emptyLayout(`${folder}/source`);
  const path = `${'d'.repeat(200)}/`.repeat(20);
  const image = await putImage(source, [
    plainLayer(tarOf({ name: 'x', pax: { path: `${path}${'f'.repeat(80)}` } })),
  ]);
  const target = await emptyLayout(`${folder}/target`);
  const failed = await t.throwsAsync(
    convertImage(host, source, image, target, { scratch: folder, format: 'erofs' }),
    { code: 'unsupported' },
  );
  t.regex(
    failed.message,
    /^cannot make an erofs layer with "d{200}[d/]+": mkfs\.erofs 1\.5 reads no paths of more than 4095 bytes, with scratch in front$/,
  );
  await t.notThrowsAsync(convertImage(host, source, image, target, { scratch: folder }));
});

test.serial('a scratch that is too small is refused with the numbers and left clean', async (t) => {
  const folder = await temporaryFolder(t);
  const scratch = mountAt(t, `${folder}/small`, '-t', 'tmpfs', '-o', 'size=300m', 'none');
  const source = await emptyLayout(`${folder}/source`);
  const image = await putImage(source, [
    plainLayer(tarOf({ name: 'large', data: Buffer.alloc(100_000_000) })),
  ]);
  const target = await emptyLayout(`${folder}/target`);
  const failed = await t.throwsAsync(convertImage(host, source, image, target, { scratch }), {
    code: 'no-space',
  });
  t.regex(
    failed.message.replace(folder, 'FOLDER'),
    /^cannot unpack the layer to FOLDER\/small\/mos-convert-[0-9a-f]{16}\/0\.tar: \d+ bytes are written and \d+ are free, of which 268435456 are left to others$/,
  );
  t.deepEqual(readdirSync(scratch), []);
  t.deepEqual(await target.descriptors(), []);
});

test.serial('a target that is too small keeps nothing half', async (t) => {
  const folder = await temporaryFolder(t);
  const small = mountAt(t, `${folder}/small`, '-t', 'tmpfs', '-o', 'size=2m', 'none');
  const source = await emptyLayout(`${folder}/source`);
  const noise = execFileSync('openssl', ['rand', '4000000'], { maxBuffer: 1e7 });
  const image = await putImage(source, [plainLayer(tarOf({ name: 'large', data: noise }))]);
  const target = await emptyLayout(`${small}/target`);
  await t.throwsAsync(convertImage(host, source, image, target, { scratch: folder }), { code: 'no-space' });
  t.deepEqual(await target.descriptors(), []);
  t.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('mos-convert')),
    [],
  );
});

test.serial('a builder that fails or is cancelled leaves nothing', async (t) => {
  const folder = await temporaryFolder(t);
  const { source, image } = await smallImage(folder);
  const target = await emptyLayout(`${folder}/target`);
  const stop = new AbortController();
  const run: Host['processes']['run'] = (argv, options) => {
    const started = host.processes.run(argv, options);
    stop.abort(new Error('stopped by the test'));
    return started;
  };
  const stopping: Host = { ...host, processes: { ...host.processes, run } };
  const options = { scratch: `${folder}/scratch`, signal: stop.signal };
  await t.throwsAsync(convertImage(stopping, source, image, target, options), {
    message: 'stopped by the test',
  });
  t.deepEqual(readdirSync(options.scratch), []);
  const missing: Host['processes']['run'] = ([, ...rest], more) =>
    host.processes.run(['sqfstar-that-is-not-there', ...rest], more);
  const without: Host = { ...host, processes: { ...host.processes, run: missing } };
  await t.throwsAsync(convertImage(without, source, image, target, { scratch: `${folder}/scratch` }), {
    code: 'not-found',
    message: 'cannot run sqfstar-that-is-not-there: it is not installed',
  });
  t.deepEqual(readdirSync(options.scratch), []);
});
