import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { buildSquashfs } from '../../pkg/atomfs/convert/squashfs.ts';
import {
  checkLayer,
  inspectLayer,
  parseFileSystem,
  parseLayerType,
  planVerity,
  readFrame,
  rootHashOf,
  veritySalt,
} from '../../pkg/atomfs/index.ts';
import { hashBlock } from '../../pkg/atomfs/verity.ts';
import { linuxHost as host } from '../../pkg/host/linux/index.ts';
import { type Descriptor, digestOf } from '../../pkg/oci/index.ts';
import { refused } from '../helpers/attacks.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { sealFile } from '../helpers/seal.ts';
import { tarOf } from '../helpers/tar.ts';

const squashfsType = 'application/vnd.stacker.image.layer.squashfs+zstd+verity';
const oldKey = 'io.stackeroci.stacker.squashfs_verity_root_hash';
const newKey = 'io.stackeroci.stacker.atomfs_verity_root_hash';

type Made = {
  readonly file: string;
  readonly bytes: Buffer;
  readonly root: string;
  readonly layer: Descriptor;
};

/** A layer with a tree of two levels: 1.2 MB that don't compress. */
async function makeLayer(t: ExecutionContext, seed = 1): Promise<Made> {
  const file = `${await temporaryFolder(t)}/layer`;
  const words = new Uint32Array(300_000).map((_, i) => Math.imul(i + seed, 2_654_435_761) ^ (i << 7));
  const tar = tarOf({ name: 'data', data: Buffer.from(words.buffer) });
  await buildSquashfs(host, file, one(tar), { timeout: 60_000 });
  const { root } = await sealFile(file);
  const bytes = await readFile(file);
  return { file, bytes, root, layer: descriptorOf(bytes, root) };
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const descriptorOf = (bytes: Uint8Array, root: string, more: Partial<Descriptor> = {}): Descriptor => ({
  mediaType: squashfsType,
  digest: digestOf(bytes),
  size: bytes.length,
  annotations: { [oldKey]: root },
  ...more,
});

/** As a download passes: pieces of a size. */
function inspect(layer: Descriptor, bytes: Uint8Array, piece = 10_000): boolean {
  const inspector = inspectLayer(layer);
  for (let at = 0; at < bytes.length; at += piece) inspector.update(bytes.subarray(at, at + piece));
  return inspector.end();
}

/** The message of each way to look at a layer; undefined: accepted. */
async function verdicts(file: string, layer: Descriptor, bytes: Buffer): Promise<(string | undefined)[]> {
  await writeFile(file, bytes);
  const said = async (look: () => unknown): Promise<string | undefined> => {
    try {
      await look();
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  };
  return [
    await said(() => inspect(layer, bytes)),
    await said(() => checkLayer(host, file, layer, { full: true })),
    await said(() => readFrame(host, file, layer)),
  ];
}

test('a good layer is accepted in pieces of any size', async (t) => {
  const { file, bytes, layer, root } = await makeLayer(t);
  for (const piece of [1000, 4096, 5000, 1 << 20, bytes.length]) t.true(inspect(layer, bytes, piece));
  await t.notThrowsAsync(checkLayer(host, file, layer, { full: true }));
  const { size } = parseFileSystem(bytes, 'it');
  const { dataBlocks, hashOffset, levels } = planVerity(size);
  t.is(levels.length, 2);
  t.deepEqual(await readFrame(host, file, layer), {
    format: 'squashfs',
    fileSystemSize: size,
    verity: { root, salt: new Uint8Array(32), dataBlocks, hashOffset },
  });
});

test('a root hash under the new key, under both, and one without a tree are accepted', async (t) => {
  const { file, bytes, root } = await makeLayer(t);
  for (const annotations of [{ [newKey]: root }, { [newKey]: root, [oldKey]: root }])
    t.true(inspect(descriptorOf(bytes, root, { annotations }), bytes));
  const { size } = parseFileSystem(bytes, 'it');
  const mediaType = 'application/vnd.stacker.image.layer.squashfs+zstd';
  for (const end of [size, planVerity(size).hashOffset]) {
    const plain = Buffer.from(bytes.subarray(0, end));
    const layer = { mediaType, digest: digestOf(plain), size: plain.length };
    await writeFile(file, plain);
    t.true(inspect(layer, plain));
    await t.notThrowsAsync(checkLayer(host, file, layer, { full: true }));
    t.is((await readFrame(host, file, layer)).verity, undefined);
  }
});

test("a tree with a salt of its own, as stacker's have it, is read a second time", async (t) => {
  const { file, bytes } = await makeLayer(t);
  const { hashOffset } = planVerity(parseFileSystem(bytes, 'it').size);
  await writeFile(file, bytes.subarray(0, hashOffset));
  const salt = 'c0ffee'.repeat(10);
  const text = execFileSync('veritysetup', [
    'format',
    `--salt=${salt}`,
    `--hash-offset=${hashOffset}`,
    file,
    file,
  ]);
  const root = /Root hash:\s+([0-9a-f]{64})/.exec(text.toString())?.[1] ?? '';
  const salted = await readFile(file);
  const layer = descriptorOf(salted, root);
  const inspector = inspectLayer(layer);
  inspector.update(salted);
  t.false(inspector.end());
  t.is(Buffer.from(inspector.salt).toString('hex'), salt);
  await t.notThrowsAsync(checkLayer(host, file, layer, { full: true }));
  const changed = Buffer.from(salted);
  changed[500_000] = 1 + (changed[500_000] ?? 0);
  await t.throwsAsync(
    async () => {
      const again = inspectLayer(layer, inspector.salt);
      again.update(changed);
      again.end();
    },
    { code: 'untrusted' },
  );
});

const refuses = test.macro({
  async exec(
    t,
    change: (made: Made) => { bytes?: Buffer; layer?: Partial<Descriptor> },
    expected: (made: Made, bytes: Buffer) => string | readonly (string | undefined)[],
  ) {
    const made = await makeLayer(t);
    const { bytes = made.bytes, layer = {} } = change(made);
    const descriptor = descriptorOf(bytes, made.root, layer);
    const why = expected(made, bytes);
    const all = (typeof why === 'string' ? [why, why, why] : why).map((text) =>
      text
        ?.replace(/^use it/, `cannot use the layer ${descriptor.digest}`)
        .replace(/^trust it/, `cannot trust the layer ${descriptor.digest}`),
    );
    t.deepEqual(await verdicts(made.file, descriptor, bytes), all);
  },
  title: (what) => `it refuses ${what}`,
});
const edited = (edit: (bytes: Buffer) => unknown) => (made: Made) => {
  const bytes = Buffer.from(made.bytes);
  edit(bytes);
  return { bytes };
};
const fsSize = ({ bytes }: Made): number => parseFileSystem(bytes, 'it').size;
const flip = (bytes: Buffer, at: number) => bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);

test(
  'a truncated squashfs',
  refuses,
  ({ bytes }) => ({ bytes: bytes.subarray(0, 500_000) }),
  (made) => `use it: 500000 bytes do not fit a file system of ${fsSize(made)} bytes with a verity tree`,
);
test(
  'a tree without its last block',
  refuses,
  ({ bytes }) => ({ bytes: bytes.subarray(0, -4096) }),
  (made, bytes) =>
    `use it: ${bytes.length} bytes do not fit a file system of ${fsSize(made)} bytes with a verity tree`,
);
test(
  'a block behind the tree',
  refuses,
  ({ bytes }) => ({ bytes: Buffer.concat([bytes, Buffer.alloc(4096)]) }),
  (made, bytes) =>
    `use it: ${bytes.length} bytes do not fit a file system of ${fsSize(made)} bytes with a verity tree`,
);
test(
  'a tree where the descriptor has none',
  refuses,
  () => ({ layer: { mediaType: 'application/vnd.stacker.image.layer.squashfs+zstd', annotations: {} } }),
  (made, bytes) =>
    `use it: ${bytes.length} bytes do not fit a file system of ${fsSize(made)} bytes without a verity tree`,
);
test(
  'no file system',
  refuses,
  edited((bytes) => bytes.fill(0, 0, 4)),
  () => 'use it: it holds neither a squashfs nor an erofs file system',
);
test(
  'another version of squashfs',
  refuses,
  edited((bytes) => bytes.writeUInt16LE(3, 28)),
  () => 'use it: it is squashfs 3.0, not 4.0',
);
test(
  'a size that no file has',
  refuses,
  edited((bytes) => bytes.writeBigUInt64LE(2n ** 63n, 40)),
  () => 'use it: its superblock gives a size of 9223372036854775808 bytes',
);
test(
  'another file system than the type says',
  refuses,
  () => ({ layer: { mediaType: 'application/vnd.stacker.image.layer.erofs+lz4hc+verity' } }),
  () => 'use it: its type says erofs, but it holds squashfs',
);
test(
  'another compression than the type says',
  refuses,
  () => ({ layer: { mediaType: 'application/vnd.stacker.image.layer.squashfs+gzip+verity' } }),
  () => 'use it: its type says gzip, but it is compressed by zstd',
);
test(
  'no verity superblock',
  refuses,
  (made) =>
    edited((bytes) =>
      bytes.fill(0, planVerity(fsSize(made)).hashOffset, planVerity(fsSize(made)).hashOffset + 8),
    )(made),
  () => 'use it: there is no verity superblock behind the file system',
);
test(
  'a verity superblock for more blocks',
  refuses,
  (made) => edited((bytes) => bytes.writeBigUInt64LE(5n, planVerity(fsSize(made)).hashOffset + 72))(made),
  (made) =>
    `use it: its verity tree is for 5 blocks, its file system has ${planVerity(fsSize(made)).dataBlocks}`,
);

/** The root hash of other data, as sealing it would give. */
async function rootOf(t: ExecutionContext, bytes: Buffer, size: number): Promise<string> {
  const file = `${await temporaryFolder(t)}/data`;
  await writeFile(file, bytes.subarray(0, size));
  return (await sealFile(file)).root;
}

test('a tree of other data is refused, at the mount only when dm-verity comes to the block', async (t) => {
  const made = await makeLayer(t);
  const bytes = Buffer.from(made.bytes);
  flip(bytes, 700_000);
  const layer = descriptorOf(bytes, made.root);
  const found = await rootOf(t, bytes, fsSize(made));
  const message = `cannot trust the layer ${layer.digest}: its verity root hash is ${found}, not ${made.root}`;
  t.deepEqual(await verdicts(made.file, layer, bytes), [message, message, undefined]);
});

test('a changed block in the lowest level of the tree is refused', async (t) => {
  const made = await makeLayer(t);
  const bytes = Buffer.from(made.bytes);
  flip(bytes, bytes.length - 5000);
  const layer = descriptorOf(bytes, made.root);
  const message = `cannot use the layer ${layer.digest}: level 0 of its verity tree is not that of its data`;
  t.deepEqual(await verdicts(made.file, layer, bytes), [message, message, undefined]);
});

test('a changed top of the tree is refused, at the mount too', async (t) => {
  const made = await makeLayer(t);
  const bytes = Buffer.from(made.bytes);
  const top = planVerity(fsSize(made)).levels[1]?.offset ?? 0;
  flip(bytes, top + 100);
  const layer = descriptorOf(bytes, made.root);
  const found = Buffer.from(hashBlock(veritySalt, bytes.subarray(top, top + 4096))).toString('hex');
  const mount = `cannot trust the layer ${layer.digest}: its verity root hash is ${found}, not ${made.root}`;
  const download = `cannot use the layer ${layer.digest}: level 1 of its verity tree is not that of its data`;
  t.deepEqual(await verdicts(made.file, layer, bytes), [download, mount, mount]);
});

test('another root hash than the signed one is refused, at the mount too', async (t) => {
  const made = await makeLayer(t);
  const other = 'ab'.repeat(32);
  const layer = descriptorOf(made.bytes, other);
  const message = `cannot trust the layer ${layer.digest}: its verity root hash is ${made.root}, not ${other}`;
  t.deepEqual(await verdicts(made.file, layer, made.bytes), [message, message, message]);
});

test('a layer with a tree of its own is refused in place of the signed one, at the mount too', async (t) => {
  const [signed, other] = [await makeLayer(t), await makeLayer(t, 2)];
  t.is(other.bytes.length, signed.bytes.length);
  const [, , atMount] = await verdicts(signed.file, signed.layer, other.bytes);
  refused(
    t,
    'verity tree and data both replaced',
    'in the file of a signed layer, one of the same size with a tree of its own, as a mount looks at it',
    String(atMount),
    /^cannot trust the layer \S+: its verity root hash is \w+, not \w+$/,
  );
});

test('a file of another size or with other bytes than the descriptor says is refused', async (t) => {
  const { file, bytes, layer } = await makeLayer(t);
  await writeFile(file, bytes.subarray(0, -1));
  const size = `cannot use the layer ${layer.digest}: ${bytes.length - 1} bytes in place of ${bytes.length}`;
  await t.throwsAsync(readFrame(host, file, layer), { code: 'corrupt', message: size });
  t.throws(() => inspect(layer, bytes.subarray(0, -1)), {
    message: `cannot use the layer ${layer.digest}: it ends after ${bytes.length - 1} of ${bytes.length} bytes`,
  });
  t.throws(() => inspect(layer, Buffer.concat([bytes, Buffer.alloc(1)])), {
    message: `cannot use the layer ${layer.digest}: there are bytes behind its end`,
  });
  const changed = Buffer.from(bytes);
  flip(changed, 700_000);
  await writeFile(file, changed);
  const whole = { ...layer, digest: digestOf(Buffer.from('x')) };
  await t.throwsAsync(checkLayer(host, file, whole, { full: true }), {
    code: 'corrupt',
    message: `cannot accept the bytes of ${whole.digest}: they hash to ${digestOf(changed)}`,
  });
});

const types = test.macro({
  exec(t, mediaType: string, expected: unknown) {
    t.deepEqual(parseLayerType(mediaType), expected as never);
  },
  title: (_, mediaType) => `${mediaType} is known`,
});
const stacker = 'application/vnd.stacker.image.layer';
const oci = 'application/vnd.oci.image.layer.v1.tar';
test(types, `${stacker}.squashfs+gzip`, {
  kind: 'atomfs',
  format: 'squashfs',
  compression: 'gzip',
  verity: false,
});
test(types, `${stacker}.squashfs+zstd+verity`, {
  kind: 'atomfs',
  format: 'squashfs',
  compression: 'zstd',
  verity: true,
});
test(types, `${stacker}.erofs+lz4`, { kind: 'atomfs', format: 'erofs', compression: 'lz4', verity: false });
test(types, `${stacker}.erofs+lz4hc+verity`, {
  kind: 'atomfs',
  format: 'erofs',
  compression: 'lz4hc',
  verity: true,
});
const docker = 'application/vnd.docker.image.rootfs.diff.tar';
for (const tar of [oci, `${oci}+gzip`, `${oci}+zstd`, docker, `${docker}.gzip`, `${docker}.zstd`])
  test(types, tar, { kind: 'tar' });

for (const mediaType of [
  'text/plain',
  `${stacker}.squashfs`,
  `${stacker}.squashfs+xz`,
  `${stacker}.squashfs+zstd+signed`,
  `${stacker}.squashfs+zstd+verity+verity`,
  `${stacker}.erofs+gzip`,
  `${oci}+xz`,
])
  test(`a layer of type ${mediaType} is refused`, (t) => {
    t.throws(() => parseLayerType(mediaType), {
      code: 'unsupported',
      message: `cannot use a layer of type ${JSON.stringify(mediaType)}`,
    });
  });

test('a tar layer can not be mounted', (t) => {
  const layer = { mediaType: oci, digest: digestOf(Buffer.from('x')), size: 1 };
  t.throws(() => inspectLayer(layer), {
    message: `cannot mount the layer ${layer.digest}: it is a tar layer`,
  });
});

const roots = test.macro({
  exec(t, annotations: Record<string, string>, why: string) {
    const layer = descriptorOf(Buffer.from('x'), '', { annotations });
    t.throws(() => rootHashOf(layer), { message: `cannot use the layer ${layer.digest}: ${why}` });
  },
  title: (what) => `it refuses ${what}`,
});
const hex = '0f'.repeat(32);
test(
  'two root hashes',
  roots,
  { [oldKey]: hex, [newKey]: hex.replace('0', '1') },
  'its two verity root hash annotations differ',
);
test(
  'a root hash in capitals',
  roots,
  { [oldKey]: hex.toUpperCase() },
  'its verity root hash is not 64 lower-case hex digits',
);
test(
  'a short root hash',
  roots,
  { [newKey]: hex.slice(2) },
  'its verity root hash is not 64 lower-case hex digits',
);
test(
  'a promised tree without a root hash',
  roots,
  {},
  'its type promises a verity tree, but it has no root hash annotation',
);

test('erofs images are known by their superblock, and refused when they need a second device', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(`${folder}/one`, 'x'.repeat(100_000));
  execFileSync('mkfs.erofs', ['--quiet', '-zlz4hc', `${folder}/image`, folder]);
  const image = await readFile(`${folder}/image`);
  t.deepEqual(parseFileSystem(image.subarray(0, 4096), 'it'), { format: 'erofs', size: image.length });
  image.writeUInt32LE(image.readUInt32LE(1024 + 80) | 8, 1024 + 80);
  t.throws(() => parseFileSystem(image.subarray(0, 4096), 'it'), {
    message: 'cannot use it: its erofs needs a second device',
  });
  image[1024 + 12] = 16;
  t.throws(() => parseFileSystem(image.subarray(0, 4096), 'it'), {
    message: 'cannot use it: its erofs blocks have 2^16 bytes',
  });
});
