import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, utimesSync } from 'node:fs';
import { chmod, readdir, rm, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { type ConvertOptions, convertImage } from '../../../pkg/atomfs/convert/index.ts';
import { checkLayer } from '../../../pkg/atomfs/index.ts';
import type { Host } from '../../../pkg/host/index.ts';
import { linuxHost as host } from '../../../pkg/host/linux/index.ts';
import type { Layout } from '../../../pkg/layout/index.ts';
import { type Descriptor, digestHex, type ImageManifest, media } from '../../../pkg/oci/index.ts';
import type { Progress } from '../../../pkg/steps/index.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { tarOf } from '../../helpers/tar.ts';
import {
  emptyLayout,
  fakeDigest,
  gzipLayer,
  type ImageExtras,
  type MadeLayer,
  plainLayer,
  putBytes,
  putImage,
  putJson,
  readJson,
  zstdLayer,
} from '../../helpers/tar-images.ts';

const folder = (name: string, mode = 0o755) => ({ name, type: '5', mode, mtime: 1_111_111_111 });
const base = tarOf(folder('./', 0o711), folder('etc'), {
  name: 'etc/passwd',
  data: 'root:x:0:0\n',
  uid: 33,
  gid: 34,
});
const middle = tarOf({ name: 'etc/.wh.passwd' }, { name: 'bin/a', data: 'program', mode: 0o755 });
const last = tarOf(folder('etc', 0o700), { name: 'etc/shadow', data: 'x'.repeat(200_000) });

class Place {
  readonly folder: string;
  readonly source: Layout;
  readonly events: Progress[] = [];
  #targets = 0;

  constructor(folder: string, source: Layout) {
    this.folder = folder;
    this.source = source;
  }

  target(): Promise<Layout> {
    return emptyLayout(`${this.folder}/target${++this.#targets}`);
  }

  async convert(image: Descriptor, target: Layout, options: Partial<ConvertOptions> = {}, at: Host = host) {
    const scratch = `${this.folder}/scratch`;
    const report = (event: Progress) => this.events.push(event);
    const all = { scratch, report, platform: { os: 'linux', architecture: 'amd64' }, ...options };
    const made = await convertImage(at, this.source, image, target, all);
    return { made, manifest: (await readJson(target, made)) as unknown as ImageManifest };
  }

  /** What a conversion left in scratch. */
  left(): Promise<string[]> {
    return readdir(`${this.folder}/scratch`);
  }
}

async function place(t: ExecutionContext): Promise<Place> {
  const path = await temporaryFolder(t);
  return new Place(path, await emptyLayout(`${path}/source`));
}

const blobPath = (layout: Layout, { digest }: Descriptor): string =>
  `${layout.folder}/blobs/sha256/${digestHex(digest)}`;
const listing = (path: string): string[] =>
  execFileSync('unsquashfs', ['-lln', path]).toString().trim().split('\n');

test('tar layers of each kind become squashfs layers, config and history stay', async (t) => {
  const at = await place(t);
  const target = await at.target();
  const history = [{ created_by: 'one' }, { created_by: 'none', empty_layer: true }, { created_by: 'two' }];
  const extras = { config: { config: { Cmd: ['/bin/a'] }, history }, annotations: { 'a.b': 'c' } };
  const image = await putImage(at.source, [plainLayer(base), gzipLayer(middle), zstdLayer(last)], extras);
  const { manifest } = await at.convert(image, target);
  t.deepEqual(await at.left(), []);
  const type = 'application/vnd.stacker.image.layer.squashfs+zstd+verity';
  t.deepEqual(
    manifest.layers.map(({ mediaType }) => mediaType),
    [type, type, type],
  );
  t.like(manifest, { schemaVersion: 2, mediaType: media.manifest, annotations: { 'a.b': 'c' } });
  for (const layer of manifest.layers) await checkLayer(host, blobPath(target, layer), layer, { full: true });
  t.deepEqual(await readJson(target, manifest.config), {
    architecture: 'amd64',
    os: 'linux',
    ...extras.config,
    rootfs: { type: 'layers', diff_ids: manifest.layers.map(({ digest }) => digest) },
  } as never);
  t.deepEqual(
    manifest.layers.map((layer) => listing(blobPath(target, layer))),
    [
      [
        'drwx--x--x 0/0                      26 2005-03-18 01:58 squashfs-root',
        'drwxr-xr-x 0/0                      29 2005-03-18 01:58 squashfs-root/etc',
        '-rw-r--r-- 33/34                    11 2001-09-09 01:46 squashfs-root/etc/passwd',
      ],
      [
        'drwx--x--x 0/0                      37 2005-03-18 01:58 squashfs-root',
        'drwxr-xr-x 0/0                      24 1970-01-01 00:00 squashfs-root/bin',
        '-rwxr-xr-x 0/0                       7 2001-09-09 01:46 squashfs-root/bin/a',
        'drwxr-xr-x 0/0                      29 2005-03-18 01:58 squashfs-root/etc',
        'c--------- 0/0                   0,  0 1970-01-01 00:00 squashfs-root/etc/passwd',
      ],
      [
        'drwx--x--x 0/0                      26 2005-03-18 01:58 squashfs-root',
        'drwx------ 0/0                      29 2005-03-18 01:58 squashfs-root/etc',
        '-rw-r--r-- 0/0                  200000 2001-09-09 01:46 squashfs-root/etc/shadow',
      ],
    ],
  );
});

test('the same image gives the same bytes in another second, with one processor and with little memory', async (t) => {
  const at = await place(t);
  const image = await putImage(at.source, [plainLayer(base), plainLayer(last)]);
  const first = await at.convert(image, await at.target());
  const started = Math.floor(Date.now() / 1000);
  // sqfstar writes times in seconds: the next one must have begun.
  while (Math.floor(Date.now() / 1000) === started) await new Promise((resolve) => setTimeout(resolve, 20));
  const run: Host['processes']['run'] = ([program, ...rest], options) =>
    host.processes.run(['taskset', '--cpu-list', '0', program, ...rest], options);
  const alone: Host = { ...host, processes: { ...host.processes, run } };
  t.deepEqual(await at.convert(image, await at.target(), {}, alone), first);
  const small: Host['processes']['run'] = (argv, options) =>
    host.processes.run(argv.map((word) => (word === '512M' ? '64M' : word)) as [string], options);
  t.deepEqual(
    await at.convert(image, await at.target(), {}, { ...host, processes: { ...host.processes, run: small } }),
    first,
  );
});

test('a layer without any entry becomes one with the root alone', async (t) => {
  const at = await place(t);
  const target = await at.target();
  const { manifest } = await at.convert(await putImage(at.source, [gzipLayer(tarOf())]), target);
  t.deepEqual(listing(blobPath(target, manifest.layers[0] as Descriptor)), [
    'drwxr-xr-x 0/0                       3 1970-01-01 00:00 squashfs-root',
  ]);
});

test('an owner that only the root has is its own', async (t) => {
  const at = await place(t);
  const target = await at.target();
  const root = { ...folder('./', 0o1755), uid: 70_000, gid: 5 };
  const image = await putImage(at.source, [
    plainLayer(tarOf(root, { name: 'a', uid: 1, gid: 2, pax: { 'SCHILY.xattr.user.x': 'y' } })),
  ]);
  const { manifest } = await at.convert(image, target);
  const path = blobPath(target, manifest.layers[0] as Descriptor);
  t.deepEqual(listing(path), [
    'drwxr-xr-t 70000/5                  24 2005-03-18 01:58 squashfs-root',
    '-rw-r--r-- 1/2                       0 2001-09-09 01:46 squashfs-root/a',
  ]);
  t.regex(execFileSync('unsquashfs', ['-s', path]).toString(), /Number of ids 4\nNumber of xattr ids 1/);
});

test('a known layer is not fetched again, and made again when the target lost it or the cache is broken', async (t) => {
  const at = await place(t);
  const cache = `${at.folder}/cache`;
  const image = await putImage(at.source, [plainLayer(base), plainLayer(last)]);
  const target = await at.target();
  const first = await at.convert(image, target, { cache });
  t.is((await readdir(cache)).length, 2);
  const source = (await readJson(at.source, image)) as unknown as ImageManifest;
  const [below, above] = source.layers as [Descriptor, Descriptor];
  await rm(blobPath(at.source, below));
  t.deepEqual(await at.convert(image, target, { cache }), first);
  await t.throwsAsync(at.convert(image, await at.target(), { cache }), { code: 'not-found' });
  for (const name of await readdir(cache)) await writeFile(`${cache}/${name}`, 'not JSON');
  await t.throwsAsync(at.convert(image, target, { cache }), { code: 'not-found' });
  await putBytes(at.source, below.mediaType, base);
  t.deepEqual(await at.convert(image, target, { cache }), first);
  t.truthy(above);
});

test('a layer is known together with what its config says of it', async (t) => {
  const at = await place(t);
  const target = await at.target();
  const options = { cache: `${at.folder}/cache` };
  await at.convert(await putImage(at.source, [gzipLayer(base)]), target, options);
  const lie = await putImage(at.source, [gzipLayer(base)], { diffIds: [plainLayer(last).diffId] });
  await t.throwsAsync(at.convert(lie, target, options), {
    code: 'corrupt',
    message: /its config says sha256:/,
  });
});

test('the layers below are looked at only by a layer that needs them', async (t) => {
  const at = await place(t);
  const cache = `${at.folder}/cache`;
  const target = await at.target();
  await at.convert(await putImage(at.source, [plainLayer(base)]), target, { cache });
  const asks = (what: string) => at.events.filter((event) => 'what' in event && event.what === what).length;
  await at.convert(
    await putImage(at.source, [plainLayer(base), plainLayer(tarOf(folder('./'), folder('a')))]),
    target,
    { cache },
  );
  t.is(asks('fetch layer 1 of 2'), 0);
  const { manifest } = await at.convert(
    await putImage(at.source, [plainLayer(base), plainLayer(middle)]),
    target,
    { cache },
  );
  t.not(asks('fetch layer 1 of 2'), 0);
  t.is(
    listing(blobPath(target, manifest.layers[1] as Descriptor))[0],
    'drwx--x--x 0/0                      37 2005-03-18 01:58 squashfs-root',
  );
});

test('a hard link to a file of a layer below has its content, in a layer of the same bytes each time', async (t) => {
  const at = await place(t);
  const data = 'x'.repeat(3000);
  const pax = { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '5000' };
  const sparse = { name: 'sparse', pax, data: `1\n4096\n4\n${'\0'.repeat(503)}data` };
  const layers = [
    gzipLayer(tarOf(folder('./'), sparse, { name: 'first', data, uid: 7, mode: 0o4750 })),
    zstdLayer(tarOf({ name: 'own', data: 'own' }, { name: 'a', type: '1', link: 'first' })),
    plainLayer(
      tarOf(
        { name: 'b', type: '1', link: 'a' },
        { name: 'c', type: '1', link: 'sparse' },
        { name: 'own', data: 'other' },
      ),
    ),
  ];
  const image = await putImage(at.source, layers);
  const target = await at.target();
  const { made, manifest } = await at.convert(image, target);
  const top = blobPath(target, manifest.layers[2] as Descriptor);
  const read = (name: string) => execFileSync('unsquashfs', ['-cat', top, name]).toString();
  t.deepEqual(['a', 'b', 'own'].map(read), [data, data, 'other']);
  t.is(read('c'), `${'\0'.repeat(4096)}data${'\0'.repeat(900)}`);
  t.regex(listing(top).join('\n'), /^-rwsr-x--- 7\/0 +3000 2001-09-09 01:46 squashfs-root\/b$/m);
  t.deepEqual(await at.left(), []);
  t.deepEqual((await at.convert(image, await at.target())).made, made);
});

test('an image of an index is chosen by platform', async (t) => {
  const at = await place(t);
  const amd = await putImage(at.source, [plainLayer(base)]);
  const arm = await putImage(at.source, [plainLayer(last)]);
  const attestation = await putImage(at.source, [plainLayer(tarOf())]);
  const index = await putJson(at.source, media.index, {
    schemaVersion: 2,
    mediaType: media.index,
    manifests: [
      { ...attestation, platform: { os: 'unknown', architecture: 'unknown' } },
      { ...arm, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
      { ...amd, platform: { os: 'linux', architecture: 'amd64' } },
    ],
  });
  const direct = await at.convert(arm, await at.target());
  for (const platform of [
    { os: 'linux', architecture: 'arm64' },
    { os: 'linux', architecture: 'arm64', variant: 'v8' },
  ])
    t.deepEqual(await at.convert(index, await at.target(), { platform }), direct);
  t.deepEqual(await at.convert(index, await at.target()), await at.convert(amd, await at.target()));
  await t.throwsAsync(
    at.convert(index, await at.target(), { platform: { os: 'linux', architecture: 'riscv64' } }),
    {
      code: 'not-found',
      message: `cannot find an image for linux/riscv64 in the index ${index.digest}: it has linux/arm64/v8, linux/amd64`,
    },
  );
});

test('the only image of an index needs no platform, with attestations beside it too', async (t) => {
  const at = await place(t);
  const alone = await putImage(at.source, [plainLayer(base)]);
  const attestation = await putImage(at.source, [plainLayer(tarOf())]);
  const index = await putJson(at.source, media.index, {
    schemaVersion: 2,
    mediaType: media.index,
    manifests: [alone, { ...attestation, platform: { os: 'unknown', architecture: 'unknown' } }],
  });
  t.deepEqual(await at.convert(index, await at.target()), await at.convert(alone, await at.target()));
});

test('a layer is unpacked as its bytes say, whatever its type says', async (t) => {
  const at = await place(t);
  const convert = async (layer: MadeLayer) =>
    (await at.convert(await putImage(at.source, [layer]), await at.target())).manifest;
  const { layers } = await convert(plainLayer(base));
  for (const packed of [gzipLayer(base), zstdLayer(base), plainLayer(base)])
    for (const mediaType of [media.layerTar, media.layerTarGzip, media.layerTarZstd])
      t.deepEqual((await convert({ ...packed, mediaType })).layers, layers);
});

test('a Docker image becomes an OCI image', async (t) => {
  const at = await place(t);
  const docker = { ...gzipLayer(base), mediaType: media.dockerLayerGzip };
  const image = await putImage(at.source, [docker], { docker: true });
  const target = await at.target();
  const { manifest, made } = await at.convert(image, target);
  t.is(made.mediaType, media.manifest);
  t.is(manifest.config.mediaType, media.config);
  const same = await at.convert(await putImage(at.source, [gzipLayer(base)]), await at.target());
  t.deepEqual(same.manifest, manifest);
});

test('an image whose layers can be mounted is copied as it is', async (t) => {
  const at = await place(t);
  const target = await at.target();
  const { made } = await at.convert(await putImage(at.source, [plainLayer(base)]), target);
  const other = await at.target();
  t.deepEqual(await convertImage(host, target, made, other, { scratch: at.folder }), made);
  t.true(await other.has(made));
});

test('layers that can be mounted stay among others', async (t) => {
  const at = await place(t);
  const converted = await at.convert(await putImage(at.source, [plainLayer(base)]), at.source);
  const [ready] = converted.manifest.layers as [Descriptor];
  const config = await putJson(at.source, media.config, {
    rootfs: { type: 'layers', diff_ids: [fakeDigest('x'), plainLayer(last).diffId] },
  });
  const above = await putBytes(at.source, media.layerTar, last);
  const image = await putJson(at.source, media.manifest, {
    schemaVersion: 2,
    config,
    layers: [ready, above],
  });
  const target = await at.target();
  const { manifest } = await at.convert(image, target);
  t.deepEqual(manifest.layers[0], ready);
  t.deepEqual(await readJson(target, manifest.config), {
    rootfs: { type: 'layers', diff_ids: [fakeDigest('x'), manifest.layers[1]?.digest] },
  } as never);
  t.deepEqual(
    at.events.filter(({ kind }) => kind === 'note'),
    [{ kind: 'note', text: 'layer 1 is no tar: folders of tar layers above without an entry get mode 0755' }],
  );
});

const refuses = test.macro({
  async exec(
    t,
    layers: readonly MadeLayer[],
    why: (layer: string, image: string) => string,
    extras: ImageExtras & Partial<ConvertOptions> = {},
  ) {
    const at = await place(t);
    const target = await at.target();
    const image = await putImage(at.source, layers, extras);
    const manifest = (await readJson(at.source, image)) as unknown as ImageManifest;
    const failed = await t.throwsAsync(at.convert(image, target, extras));
    const text =
      failed.cause instanceof Error ? `${failed.message}: ${failed.cause.message}` : failed.message;
    t.is(text, why(manifest.layers[0]?.digest ?? '', image.digest));
    t.deepEqual(await target.descriptors(), []);
    t.deepEqual(await at.left().catch(() => []), []);
  },
  title: (what) => `it refuses ${what}`,
});
const layerError = (why: string) => (layer: string) => `cannot convert the layer ${layer}: ${why}`;
const damaged = (layer: MadeLayer, change: (bytes: Buffer) => Buffer): MadeLayer => ({
  ...layer,
  bytes: change(layer.bytes),
});

test(
  'an image without layers',
  refuses,
  [],
  (_, image) => `cannot convert the image ${image}: it has no layers`,
);
test(
  'an unknown type of layer',
  refuses,
  [{ ...plainLayer(base), mediaType: 'text/plain' }],
  () => 'cannot use a layer of type "text/plain"',
);
test(
  'another tar than the config says',
  refuses,
  [plainLayer(base)],
  (layer) =>
    `cannot convert the layer ${layer}: unpacked it is ${plainLayer(base).diffId}, its config says ${plainLayer(last).diffId}`,
  { diffIds: [plainLayer(last).diffId] },
);
test(
  'a tar that is cut',
  refuses,
  [plainLayer(last.subarray(0, 100_000))],
  layerError('cannot read the tar: it ends in the middle of an entry, after 100000 bytes'),
);
test(
  'a gzip stream that is cut',
  refuses,
  [damaged(gzipLayer(last), (bytes) => bytes.subarray(0, -4))],
  layerError('cannot unpack the gzip stream: it is damaged'),
);
test(
  'bytes behind a gzip stream',
  refuses,
  [damaged(gzipLayer(base), (bytes) => Buffer.concat([bytes, Buffer.alloc(600)]))],
  layerError('cannot unpack the gzip stream: there is something behind its end'),
);
test(
  'a zstd stream that is cut',
  refuses,
  [damaged(zstdLayer(last), (bytes) => bytes.subarray(0, -4))],
  layerError('cannot unpack the zstd stream: it ends inside a frame'),
);
test(
  'bytes behind a zstd stream',
  refuses,
  [damaged(zstdLayer(base), (bytes) => Buffer.concat([bytes, Buffer.alloc(600)]))],
  layerError('cannot unpack the zstd stream: there is something else than a frame'),
);
test(
  'a layer that is no tar',
  refuses,
  [gzipLayer(Buffer.from('hello'.repeat(300)))],
  layerError('cannot read the tar: a header has a broken number'),
);
test(
  'a name that leads out',
  refuses,
  [plainLayer(tarOf({ name: '../x' }))],
  layerError('cannot place "../x": it leads out of its folder'),
);
test(
  'a decompression bomb',
  refuses,
  [gzipLayer(Buffer.concat([tarOf({ name: 'a' }), Buffer.alloc(3_000_000)]))],
  layerError('cannot unpack the tar: it is larger than 1000000 bytes'),
  { limit: 1_000_000 },
);
test(
  'a sparse file that is too large',
  refuses,
  [
    plainLayer(
      tarOf({
        name: 'a',
        data: '0\n'.padEnd(512, '\0'),
        pax: { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '1000001' },
      }),
    ),
  ],
  layerError('cannot unpack the tar: it is larger than 1000000 bytes'),
  { limit: 1_000_000 },
);

test('bytes that are not those of the descriptor are the reason, whatever they do to the tar', async (t) => {
  const at = await place(t);
  const image = await putImage(at.source, [gzipLayer(base)]);
  const manifest = (await readJson(at.source, image)) as unknown as ImageManifest;
  const [layer] = manifest.layers as [Descriptor];
  const wrong = Buffer.alloc(layer.size, 'wrong');
  await writeFile(blobPath(at.source, layer), wrong);
  await t.throwsAsync(at.convert(image, await at.target()), { code: 'corrupt' });
});

test('squashfs and erofs streams of several parts are read whole', async (t) => {
  const at = await place(t);
  const half = Math.floor(last.length / 2);
  const parts = [last.subarray(0, half), last.subarray(half)].map((part) => zstdLayer(part).bytes);
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
  const members = [last.subarray(0, half), last.subarray(half)].map((part) => gzipLayer(part).bytes);
  const expected = await at.convert(await putImage(at.source, [plainLayer(last)]), await at.target());
  for (const made of [
    {
      ...zstdLayer(last),
      bytes: Buffer.concat([skippable, parts[0] as Buffer, skippable, parts[1] as Buffer, skippable]),
    },
    { ...gzipLayer(last), bytes: Buffer.concat(members) },
  ]) {
    const { manifest } = await at.convert(await putImage(at.source, [made]), await at.target());
    t.deepEqual(manifest.layers, expected.manifest.layers);
  }
});

test('a layer whose tree is of other data is not passed on', async (t) => {
  const at = await place(t);
  const first = await at.target();
  const { made, manifest } = await at.convert(await putImage(at.source, [plainLayer(base)]), first);
  const [layer] = manifest.layers as [Descriptor];
  const root = fakeDigest('another').slice('sha256:'.length);
  const annotations = { 'io.stackeroci.stacker.squashfs_verity_root_hash': root };
  const other = await putJson(first, made.mediaType, { ...manifest, layers: [{ ...layer, annotations }] });
  const target = await at.target();
  const right = layer.annotations?.['io.stackeroci.stacker.squashfs_verity_root_hash'];
  await t.throwsAsync(convertImage(host, first, other, target, { scratch: at.folder }), {
    code: 'untrusted',
    message: `cannot trust the layer ${layer.digest}: its verity root hash is ${right}, not ${root}`,
  });
  t.false(await target.has(layer));
});

test('what is remembered by a folder that others can write to is not believed', async (t) => {
  const at = await place(t);
  const cache = `${at.folder}/cache`;
  const image = await putImage(at.source, [plainLayer(base)]);
  const target = await at.target();
  const first = await at.convert(image, target, { cache });
  const [name = ''] = await readdir(cache);
  await writeFile(`${cache}/${name}`, JSON.stringify({ ...first.manifest.layers[0], size: 1 }));
  await chmod(cache, 0o770);
  t.deepEqual(await at.convert(image, target, { cache }), first);
  const text = `warning: ${cache} is not used: others could have written to it`;
  t.deepEqual(
    at.events.filter((event) => event.kind === 'note'),
    [{ kind: 'note', text }],
  );
});

test('what another version of the builder made is not taken for this one’s, and a trial remembers nothing', async (t) => {
  const at = await place(t);
  const cache = `${at.folder}/cache`;
  const image = await putImage(at.source, [plainLayer(base)]);
  const target = await at.target();
  await at.convert(image, target, { cache, remember: false });
  t.false(existsSync(cache));
  await at.convert(image, target, { cache });
  const newer: Host = {
    ...host,
    processes: {
      ...host.processes,
      query: async (argv, options) =>
        argv[1] === '-version'
          ? { stdout: Buffer.from('sqfstar version 9\n'), stderr: '', exitCode: 0 }
          : host.processes.query(argv, options),
    },
  };
  await at.convert(image, target, { cache }, newer);
  t.is((await readdir(cache)).length, 2);
});

test('what a killed conversion left is removed by the next one, what another one works in is not', async (t) => {
  const at = await place(t);
  const scratch = `${at.folder}/scratch`;
  const image = await putImage(at.source, [plainLayer(base)]);
  for (const name of ['left', 'held', 'young']) {
    mkdirSync(`${scratch}/mos-convert-${name}`, { recursive: true });
    await writeFile(`${scratch}/mos-convert-${name}/0.tar`, 'x');
  }
  await using _held = await host.files.lock(`${scratch}/mos-convert-held/lock`, { wait: 0, owner: 'other' });
  for (const name of ['left', 'held']) utimesSync(`${scratch}/mos-convert-${name}`, 1, 1);
  await at.convert(image, await at.target());
  t.deepEqual(await readdir(scratch), ['mos-convert-held', 'mos-convert-young']);
});

test('a foreign layer of docker is a tar like any other', async (t) => {
  const at = await place(t);
  const layer = {
    ...gzipLayer(base),
    mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  };
  const plain = await at.convert(await putImage(at.source, [plainLayer(base)]), await at.target());
  const foreign = await at.convert(await putImage(at.source, [layer]), await at.target());
  t.deepEqual(foreign.manifest.layers, plain.manifest.layers);
});

test('an image alone is not given to who asked for another platform', async (t) => {
  const at = await place(t);
  const image = await putImage(at.source, [plainLayer(base)], {
    config: { os: 'linux', architecture: 'arm64' },
  });
  const message = `cannot find an image for linux/amd64: ${image.digest} is for linux/arm64`;
  await at.convert(image, await at.target());
  t.deepEqual(
    at.events.filter(({ kind }) => kind === 'note'),
    [{ kind: 'note', text: `warning: ${message}` }],
  );
  const requirePlatform = true;
  const refused = { code: 'not-found', message };
  await t.throwsAsync(at.convert(image, await at.target(), { requirePlatform }), refused);
  const platform = { os: 'linux', architecture: 'arm64', variant: 'v8' };
  const ready = await at.target();
  const { made } = await at.convert(image, ready, { platform, requirePlatform });
  // One that needs no conversion, alone and where an index says nothing of it.
  const index = await putJson(ready, media.index, {
    schemaVersion: 2,
    mediaType: media.index,
    manifests: [made],
  });
  const options = { scratch: at.folder, requirePlatform, platform: { os: 'linux', architecture: 'amd64' } };
  for (const root of [made, index])
    await t.throwsAsync(convertImage(host, ready, root, await at.target(), options), {
      message: `cannot find an image for linux/amd64: ${made.digest} is for linux/arm64`,
    });
  for (const said of [{ architecture: '' }, { os: 'unknown', architecture: 'unknown' }]) {
    const silent = await putImage(at.source, [plainLayer(base)], { config: said });
    await t.notThrowsAsync(at.convert(silent, await at.target(), { requirePlatform }));
  }
});
