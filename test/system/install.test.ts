import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { digestHex } from '../../pkg/oci/index.ts';
import { install } from '../../pkg/system/index.ts';
import { imageOf, makeLayer } from '../helpers/atomfs-image.ts';
import { call, mosctl, plain } from '../helpers/cli.ts';
import { content } from '../helpers/images.ts';
import { installFrom, makeRoot, planFrom } from '../helpers/machine.ts';
import { publishSigned, putTarget, signedManifest, signedTarget } from '../helpers/signed.ts';
import { treeOf } from '../helpers/tree.ts';
import { addImage, makeVendor, publishHostAndData, publishRelease, type Vendor } from '../helpers/vendor.ts';

async function published(t: ExecutionContext): Promise<{ vendor: Vendor; root: string; reference: string }> {
  const vendor = await makeVendor(t);
  const host = await addImage(vendor, 'host', { 'etc/os-release': 'ID=host' });
  const { reference } = await publishRelease(vendor, {
    manifest: `update_type: complete\nrelease: 3\ntargets:\n  - {service_name: hostfs, source: "${host}", version: "1.0", service_type: hostfs}\n`,
  });
  return { vendor, root: await makeRoot(t, vendor), reference };
}

test('an install leaves one generation that git and our own reading agree on', async (t) => {
  const { vendor, root, reference } = await published(t);
  const { exit, stdout, stderr } = await mosctl(root, 'install', reference);
  t.deepEqual([exit, stderr], [0, '']);
  t.is(
    plain(stdout, { REPO: vendor.repository, ROOT: root }),
    `installed zot:REPO:machine/install:1.0.0 below ROOT as generation 1, release 3
  product UUID (fixed by this install)
  images 8.9 kB, fetched 8.9 kB
  target  version  type    image
  hostfs  1.0      hostfs  DIGEST
`,
  );
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', join(root, 'config/manifest.git'), ...args], { encoding: 'utf8' });
  t.is(git('status', '--short'), '');
  t.is(git('fsck', '--full', '--strict'), '');
  const message = plain(git('log', '-1', '--format=%an <%ae>%n%B'), { REPO: vendor.repository });
  t.is(
    message,
    `machine <root@machine.local>
generation 1: hostfs added

Release: 3
Security-Version: 0
Source: zot:REPO:machine/install:1.0.0
Manifest: SHA
Reason: install

`,
  );
});

test('a second install is refused and touches nothing', async (t) => {
  const { root, reference } = await published(t);
  await installFrom(root, reference);
  const before = treeOf(root);
  const { exit, stderr } = await mosctl(root, 'install', reference);
  t.deepEqual(
    [exit, plain(stderr, { ROOT: root })],
    [
      8,
      `mosctl: cannot install: there is an installation below ROOT (generation 1)
  mosctl update brings it to another manifest
`,
    ],
  );
  t.deepEqual(treeOf(root), before);
});

test('an install that was stopped after its switch is ended by the same command, and by no other', async (t) => {
  const { vendor, root, reference } = await published(t);
  const host: Host = {
    ...linuxHost,
    files: {
      ...linuxHost.files,
      remove: async (path) => {
        if (path.endsWith('/config/mos/install')) throw new Error('stopped');
        await linuxHost.files.remove(path);
      },
    },
  };
  const words = ['mosctl', '--quiet', 'install', '-r', root];
  t.is((await call([...words, reference], { host })).exit, 1);
  const other = await addImage(vendor, 'other', { b: '2' });
  const second = await publishRelease(vendor, {
    name: 'machine/other:1',
    manifest: `update_type: complete\nrelease: 4\ntargets:\n  - {service_name: b, source: "${other}", version: "1", service_type: fs-only}\n`,
  });
  t.is((await call([...words, second.reference])).exit, 8);
  t.is((await call([...words, reference])).exit, 0);
  const undisturbed = await makeRoot(t, vendor);
  await installFrom(undisturbed, reference);
  t.deepEqual(
    Object.keys(treeOf(root, /objects|refs|lock$/)),
    Object.keys(treeOf(undisturbed, /objects|refs|lock$/)),
  );
  t.is((await call([...words, reference])).exit, 8);
});

test('a plan names the steps and the bytes, and leaves the root alone', async (t) => {
  const { root, reference } = await published(t);
  const before = treeOf(root, /(?!)/);
  const { steps, bytes } = await planFrom(install, root, reference);
  t.deepEqual(steps, [
    'lock the state',
    'fetch and verify the images',
    'say what is being installed',
    'write the first generation',
    'make it current',
    'tidy up',
  ]);
  t.true(bytes.missing === bytes.total && bytes.partial === 0);
  t.deepEqual(treeOf(root, /(?!)/), before);
});

test('a layer that was refused once is not believed because its bytes lie in the store', async (t) => {
  const vendor = await makeVendor(t);
  const good = await makeLayer({ a: 'one' });
  const changed = Buffer.from(good.bytes);
  changed[200] = (changed[200] ?? 0) ^ 1;
  const bad = content(good.descriptor.mediaType, changed);
  const image = imageOf([{ ...bad, descriptor: { ...good.descriptor, ...bad.descriptor } }]);
  await putTarget(vendor, image);
  const reference = await publishSigned(vendor, 'x', signedManifest(vendor, [signedTarget('a', image.root)]));
  const root = await makeRoot(t, vendor);
  for (const _ of [1, 2, 3]) {
    const { exit, stderr } = await mosctl(root, 'install', reference);
    t.deepEqual(
      [exit, plain(stderr)],
      [
        4,
        'mosctl: cannot import the image of a: cannot trust the layer sha256:SHA: its verity root hash is SHA, not SHA\n',
      ],
    );
  }
});

test('the store of earlier installations is used where it is the only one', async (t) => {
  const { root, reference } = await published(t);
  mkdirSync(join(root, 'atomfs-store'));
  await installFrom(root, reference);
  t.true('atomfs-store/mos/index.json' in treeOf(root));
  t.false('atomfs-cache' in treeOf(root));
});

test('with --ca the CA of the root does not count, and a CA file that cannot be read is an error', async (t) => {
  const { vendor, root, reference } = await published(t);
  const own = join(root, 'factory/secure/manifestCA.pem');
  const moved = join(vendor.folder, 'ca.pem');
  renameSync(own, moved);
  t.deepEqual(await mosctl(root, 'install', reference), {
    exit: 7,
    stdout: '',
    stderr: `mosctl: cannot find the manifest CA: there is no ${own}
  copy cert.pem of the keyset there, or name a file with --ca
`,
  });
  writeFileSync(own, 'not a certificate');
  const { exit, stderr } = await mosctl(root, 'install', reference);
  t.deepEqual(
    [exit, stderr],
    [
      4,
      `mosctl: cannot use ${own} as the manifest CA: there is no certificate in it
  it must be PEM; a DER file becomes one by: openssl x509 -inform DER -in ${own} -out ca.pem
`,
    ],
  );
  t.is((await mosctl(root, 'install', '-capath', moved, reference)).exit, 0);
});

test('a product that was given is recorded, and one that contradicts it is refused', async (t) => {
  const { vendor, root, reference } = await published(t);
  const refused = await mosctl(root, 'install', '--product', 'other', reference);
  t.deepEqual(
    [refused.exit, plain(refused.stderr, { REPO: vendor.repository })],
    [
      4,
      'mosctl: cannot trust zot:REPO:machine/install:1.0.0: it is for product UUID, this machine is other\n',
    ],
  );
  t.is((await mosctl(root, 'install', '--product', vendor.product, reference)).exit, 0);
  t.regex((await mosctl(root, 'status')).stdout, / {2}product .* \(option\)\n/);
});

const leadsOut = test.macro({
  exec: async (t, name: string, message: string) => {
    const { root, reference } = await published(t);
    const outside = join(root, '../outside');
    mkdirSync(outside);
    mkdirSync(join(root, name, '..'), { recursive: true });
    symlinkSync(outside, join(root, name));
    const before = treeOf(root);
    const { exit, stderr } = await mosctl(root, 'install', reference);
    t.deepEqual(plain(stderr, { ROOT: root }), `mosctl: cannot use ROOT/${name}: it is a link${message}`);
    t.not(exit, 0);
    t.deepEqual([treeOf(root), treeOf(outside)], [before, {}]);
  },
  title: (_, name) => `an install writes nothing through a link at ${name} that leads out of the root`,
});
const away = ` that leads to nothing below ROOT
  links are followed below the root only; make it a folder, or mount one there
`;
const strange = `
  find out who made it; to keep the folder elsewhere, mount that one there
`;
test(leadsOut, 'config', away);
test(leadsOut, 'atomfs-cache', away);
test(leadsOut, 'scratch-writes', away);
test(leadsOut, 'config/mos', strange);
test(leadsOut, 'atomfs-cache/mos', strange);
test(leadsOut, 'atomfs-cache/mos/blobs', strange);

for (const name of ['mnt', 'mnt/atom', 'mnt/atom/data'])
  test(`nothing is mounted through a link at ${name} that leads out of the root`, async (t) => {
    const vendor = await makeVendor(t);
    for (const image of ['h1', 'd1']) await addImage(vendor, image, { [image]: image });
    const root = await makeRoot(t, vendor);
    await installFrom(root, await publishHostAndData(vendor, 1, 'h1', 'd1'));
    const outside = join(root, '../outside');
    mkdirSync(outside);
    mkdirSync(join(root, name, '..'), { recursive: true });
    symlinkSync(outside, join(root, name));
    const { exit, stderr } = await mosctl(root, 'activate', '-t', 'data', '--integrity', 'digest');
    t.deepEqual(
      [exit, plain(stderr, { ROOT: root })],
      [3, `mosctl: cannot use ROOT/${name}: it is a link${away}`],
    );
    t.deepEqual(treeOf(outside), {});
  });

test('a link to another folder of the same root is followed as the machine will follow it', async (t) => {
  const { root, reference } = await published(t);
  mkdirSync(join(root, 'data/config'), { recursive: true });
  symlinkSync('/data/config', join(root, 'config'));
  t.is((await mosctl(root, 'install', reference)).exit, 0);
  t.true(existsSync(join(root, 'data/config/manifest.git/manifest.yaml')));
  t.is((await mosctl(root, 'status')).exit, 0);
});

test('what an install that was stopped had fetched is not fetched again', async (t) => {
  const vendor = await makeVendor(t);
  const layer = await makeLayer({ a: randomBytes(200_000).toString('latin1') });
  const image = imageOf([layer]);
  await putTarget(vendor, image);
  const reference = await publishSigned(vendor, 'x', signedManifest(vendor, [signedTarget('a', image.root)]));
  const root = await makeRoot(t, vendor);
  const partials = join(root, 'atomfs-cache/mos/.mos/partial');
  mkdirSync(partials, { recursive: true });
  const hex = digestHex(layer.descriptor.digest);
  writeFileSync(join(partials, hex), layer.bytes.subarray(0, 100_000));
  const asked: (number | undefined)[] = [];
  const host: Host = {
    ...linuxHost,
    files: {
      ...linuxHost.files,
      stream: (path, options) => {
        if (path === join(vendor.repository, 'mos/blobs/sha256', hex)) asked.push(options?.start);
        return linuxHost.files.stream(path, options);
      },
    },
  };
  t.is((await call(['mosctl', '--quiet', 'install', '-r', root, reference], { host })).exit, 0);
  t.deepEqual(asked, [100_000]);
  t.deepEqual(readFileSync(join(root, 'atomfs-cache/mos/blobs/sha256', hex)), Buffer.from(layer.bytes));
});
