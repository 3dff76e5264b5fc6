import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import { lockState, openState } from '../../pkg/state/index.ts';
import { install } from '../../pkg/system/index.ts';
import { mosctl, plain } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { installFrom, makeMountRoot, makeRoot, planFrom, updateFrom } from '../helpers/machine.ts';
import { treeOf } from '../helpers/tree.ts';
import { addImage, makeVendor, publishRelease, type Vendor } from '../helpers/vendor.ts';

/** Bytes that no file system makes smaller. */
const noise = (seed: number, length: number): Uint8Array => {
  const bytes = Buffer.alloc(length);
  let state = seed >>> 0;
  for (let at = 0; at < length; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes.writeUInt32LE(state, at);
  }
  return bytes;
};

const manifest = (release: number, source: string) =>
  `update_type: complete\nrelease: ${release}\ntargets:\n  - {service_name: data, source: "${source}", version: "${release}", service_type: fs-only}\n`;

async function released(
  vendor: Vendor,
  release: number,
  files: Record<string, string | Uint8Array>,
): Promise<string> {
  const source = await addImage(vendor, `r${release}`, files);
  return (
    await publishRelease(vendor, { name: `machine/data:${release}`, manifest: manifest(release, source) })
  ).reference;
}

/** A folder that is a file system with little room: `room` are options of tmpfs. */
function mountSmall(t: ExecutionContext, at: string, room: string): void {
  mkdirSync(at);
  execFileSync('mount', ['-t', 'tmpfs', '-o', room, 'tmpfs', at]);
  t.teardown(() => execFileSync('umount', [at]));
}

/** A root on a small file system of its own. */
async function smallRoot(t: ExecutionContext, vendor: Vendor, size: string): Promise<string> {
  const root = join(await temporaryFolder(t), 'small');
  mountSmall(t, root, `size=${size}`);
  mkdirSync(join(root, 'factory/secure'), { recursive: true });
  copyFileSync(vendor.ca, join(root, 'factory/secure/manifestCA.pem'));
  return root;
}

const told = (text: string): string =>
  plain(text)
    .replaceAll(/\d+ bytes/g, 'N bytes')
    .replaceAll(/\d+ (are|more)/g, 'N $1');

test('too little room is told with the numbers before the first byte', async (t) => {
  const vendor = await makeVendor(t);
  const reference = await released(vendor, 1, { big: noise(1, 3_000_000) });
  const root = await smallRoot(t, vendor, '2M');
  const before = treeOf(root);
  const { exit, stderr } = await mosctl(root, 'install', reference);
  t.deepEqual(
    [exit, told(stderr.replaceAll(root, 'ROOT'))],
    [
      11,
      `mosctl: cannot import the images: N bytes are needed in ROOT/atomfs-cache, N are free
  make N bytes free; mosctl gc would free N more
`,
    ],
  );
  t.deepEqual(treeOf(root), before);
});

test('a disk that fills up in the middle leaves the old state, and with room the same command ends it', async (t) => {
  const vendor = await makeVendor(t);
  const first = await released(vendor, 1, { small: 'x' });
  const second = await released(vendor, 2, { big: noise(2, 3_000_000) });
  const root = await smallRoot(t, vendor, '40M');
  await installFrom(root, first);
  // Somebody else takes the room between the plan and the writing.
  const host = {
    ...linuxHost,
    files: {
      ...linuxHost.files,
      space: async () => ({ free: 1e12, total: 1e12, freeInodes: 1e6, block: 4096 }),
    },
  };
  const { free } = await linuxHost.files.space(root);
  writeFileSync(join(root, 'filler'), Buffer.alloc(free - 1_000_000));
  const { call } = await import('../helpers/cli.ts');
  const failed = await call(['mosctl', '--quiet', 'update', '-r', root, second], { host });
  t.is(failed.exit, 11);
  t.regex(
    failed.stderr,
    /^mosctl: cannot import the image of data: cannot .*no space left on the file system\n/,
  );
  t.regex((await mosctl(root, 'status')).stdout, /^generation 1: /);
  rmSync(join(root, 'filler'));
  t.is((await updateFrom(root, second)).generation, 2);
  t.regex((await mosctl(root, 'verify')).stdout, /everything is as it was signed/);
});

/** Takes all room of a file system, or all its inodes, as the services of a machine may. */
function fill(folder: string, what: 'bytes' | 'inodes'): void {
  mkdirSync(join(folder, 'filler'));
  const write =
    what === 'bytes'
      ? (n: number) => appendFileSync(join(folder, 'filler/all'), Buffer.alloc(Math.max(4096, 1 << (24 - n))))
      : (n: number) => writeFileSync(join(folder, `filler/${n}`), '');
  for (let n = 0, refused = 0; refused < 16; n++)
    try {
      write(what === 'bytes' ? refused : n);
    } catch {
      refused++;
    }
}

for (const what of ['bytes', 'inodes'] as const)
  test(`gc gives room back on a file system without any ${what} left`, async (t) => {
    const vendor = await makeVendor(t);
    const root = await makeRoot(t, vendor);
    const store = join(root, 'atomfs-cache');
    mountSmall(t, store, 'size=30M,nr_inodes=300');
    for (const release of [1, 2, 3]) {
      const reference = await released(vendor, release, { big: noise(release, 100_000) });
      await (release === 1 ? installFrom : updateFrom)(root, reference);
    }
    fill(store, what);
    const { exit, stdout, stderr } = await mosctl(root, 'gc', '--keep', '1', '--json');
    t.deepEqual([exit, stderr], [0, '']);
    const { images, bytes } = JSON.parse(stdout);
    t.deepEqual([images.length, bytes > 200_000], [2, true]);
    rmSync(join(store, 'filler'), { recursive: true });
    t.is((await mosctl(root, 'verify')).exit, 0);
  });

for (const what of ['bytes', 'inodes'] as const)
  test(`without any ${what} left for the state a command says so, and the machine stays as it is`, async (t) => {
    const vendor = await makeVendor(t);
    const root = await makeRoot(t, vendor);
    const config = join(root, 'config');
    mountSmall(t, config, 'size=30M,nr_inodes=300');
    const release = (number: number) => released(vendor, number, { small: String(number) });
    await installFrom(root, await release(1));
    await updateFrom(root, await release(2));
    const third = await release(3);
    fill(config, what);
    for (const words of [['update', third], ['rollback'], ['pin', '1', '--reason', 'why']]) {
      const { exit, stderr } = await mosctl(root, ...words);
      t.is(exit, 11, stderr);
      t.regex((await mosctl(root, 'status')).stdout, /^generation 2: /);
    }
    rmSync(join(config, 'filler'), { recursive: true });
    t.is((await updateFrom(root, third)).generation, 3);
    t.is((await mosctl(root, 'verify')).exit, 0);
  });

test('a read-only disk is an error that changes nothing, and what only reads works', async (t) => {
  const vendor = await makeVendor(t);
  const first = await released(vendor, 1, { a: '1' });
  const second = await released(vendor, 2, { a: '2' });
  const root = await smallRoot(t, vendor, '40M');
  await installFrom(root, first);
  execFileSync('mount', ['-o', 'remount,ro', root]);
  const before = treeOf(root, /(?!)/);
  const { exit, stderr } = await mosctl(root, 'update', second);
  t.deepEqual(
    [exit, stderr.replaceAll(root, 'ROOT')],
    [12, 'mosctl: cannot open the lock ROOT/config/mos/lock: the file system is read-only\n'],
  );
  t.deepEqual(treeOf(root, /(?!)/), before);
  t.is((await mosctl(root, 'status')).exit, 0);
  t.is((await mosctl(root, 'verify')).exit, 0);
  t.is((await mosctl(root, 'log')).exit, 0);
});

test('a second mosctl is told who is at work, and does not wait', async (t) => {
  const vendor = await makeVendor(t);
  const root = await makeRoot(t, vendor);
  await installFrom(root, await released(vendor, 1, { a: '1' }));
  const second = await released(vendor, 2, { a: '2' });
  const lock = await lockState(linuxHost, openState(join(root, 'config')), {
    owner: 'mosctl update',
    wait: 0,
  });
  const before = treeOf(root);
  const { exit, stderr } = await mosctl(root, 'update', second);
  await lock[Symbol.asyncDispose]();
  t.deepEqual(
    [exit, stderr.replaceAll(root, 'ROOT').replaceAll(String(process.pid), 'PID')],
    [
      10,
      `mosctl: cannot lock ROOT/config/mos/lock: mosctl update (process PID) holds it
  wait until it has ended and try again
`,
    ],
  );
  t.deepEqual(treeOf(root), before);
  t.is((await mosctl(root, 'update', second)).exit, 0);
});

test('two installs at once end in one generation', async (t) => {
  const vendor = await makeVendor(t);
  const root = await makeRoot(t, vendor);
  const reference = await released(vendor, 1, { a: noise(3, 500_000) });
  const both = await Promise.all([mosctl(root, 'install', reference), mosctl(root, 'install', reference)]);
  const exits = both.map(({ exit }) => exit).sort();
  t.true(exits[0] === 0 && [8, 9, 10].includes(exits[1] ?? 0), JSON.stringify(both));
  t.regex((await mosctl(root, 'log')).stdout, /^generation 1 /);
  t.is((await mosctl(root, 'verify')).exit, 0);
});

test('somebody without the right to write is told so, and changes nothing', async (t) => {
  const vendor = await makeVendor(t);
  const root = await makeRoot(t, vendor);
  const reference = await released(vendor, 1, { a: '1' });
  for (const folder of [vendor.folder, join(root, '..')]) execFileSync('chmod', ['-R', 'go+rX', folder]);
  chmodSync(root, 0o755);
  const before = treeOf(root);
  const nobody = spawnSync(
    'setpriv',
    [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      resolve('build/mosctl'),
      '--quiet',
      'install',
      '-r',
      root,
      reference,
    ],
    { encoding: 'utf8', env: { HOME: '/nonexistent' } },
  );
  t.deepEqual(
    [nobody.status, nobody.stderr.replaceAll(root, 'ROOT')],
    [13, 'mosctl: cannot make the folder ROOT/config/mos: permission denied\n'],
  );
  t.deepEqual(treeOf(root), before);
});

type Damage = (blob: string) => void;
const flip: Damage = (blob) => {
  const bytes = readFileSync(blob);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  chmodSync(blob, 0o644);
  writeFileSync(blob, bytes);
};

for (const [what, damage, exit, message] of [
  [
    'missing',
    (blob: string) => rmSync(blob),
    7,
    'cannot mount data: cannot find sha256:SHA in ROOT/atomfs-cache/mos',
  ],
  [
    'truncated',
    (blob: string) => truncateSync(blob, 4096),
    6,
    'cannot mount data: cannot use sha256:SHA in ROOT/atomfs-cache/mos: its file has 4096 bytes in place of 8192',
  ],
  [
    'altered',
    flip,
    4,
    'cannot mount data: cannot trust the layer sha256:SHA: its verity root hash is SHA, not SHA',
  ],
] as const)
  test(`a store with a ${what} blob: nothing is mounted, verify finds it, an update brings it back`, async (t) => {
    const vendor = await makeVendor(t);
    const root = await makeMountRoot(t, vendor);
    const reference = await released(vendor, 1, { a: '1' });
    await installFrom(root, reference);
    const store = await openLayout(linuxHost, join(root, 'atomfs-cache/mos'));
    const [tag = ''] = await store.tags();
    const image = JSON.parse(Buffer.from(await store.read(await store.resolve(tag))).toString());
    damage(join(root, 'atomfs-cache/mos/blobs/sha256', image.layers[0].digest.slice('sha256:'.length)));
    const activated = await mosctl(root, 'activate', '-t', 'data', '--integrity', 'digest');
    t.is(activated.exit, exit);
    t.regex(plain(activated.stderr, { ROOT: root }), new RegExp(`^mosctl: ${message}`));
    t.is((await mosctl(root, 'verify')).exit, 6);
    t.false(readFileSync('/proc/self/mountinfo', 'utf8').includes(root));
    t.is((await mosctl(root, 'update', reference)).exit, 0);
    t.is((await mosctl(root, 'verify')).exit, 0);
    t.is((await mosctl(root, 'activate', '-t', 'data', '--integrity', 'digest')).exit, 0);
  });

test('a plan on a machine that may only be read works', async (t) => {
  const vendor = await makeVendor(t);
  const reference = await released(vendor, 1, { a: '1' });
  const root = await smallRoot(t, vendor, '40M');
  execFileSync('mount', ['-o', 'remount,ro', root]);
  t.is((await planFrom(install, root, reference)).operation, 'install');
});
