import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { annotationKeys, media } from '../../pkg/oci/index.ts';
import { type AtomfsImage, imageOf, makeLayer } from '../helpers/atomfs-image.ts';
import { makeCa, makeLeaf, signWith } from '../helpers/authority.ts';
import { call, plain } from '../helpers/cli.ts';
import { content } from '../helpers/images.ts';
import { installFrom, makeRoot } from '../helpers/machine.ts';
import { publishSigned, putTarget, signedManifest, signedTarget } from '../helpers/signed.ts';
import { treeOf } from '../helpers/tree.ts';
import { addProduct, makeVendor, type Vendor } from '../helpers/vendor.ts';

type Prepared = {
  /** What `mosctl install` or `update` is given. */
  readonly reference: string;
  readonly options?: readonly string[];
  readonly host?: Host;
  readonly builtAt?: Date;
};
type Scene = { readonly vendor: Vendor; readonly root: string; readonly image: AtomfsImage };

/** Prepares something bad, runs a command, and compares message, exit code, and the root before and after. */
const refused = test.macro({
  async exec(
    t,
    command: 'install' | 'update',
    prepare: (scene: Scene) => Promise<Prepared>,
    exit: number,
    message: string,
    except?: RegExp,
  ) {
    const vendor = await makeVendor(t);
    const image = imageOf([await makeLayer({ a: '1' })]);
    await putTarget(vendor, image);
    const root = await makeRoot(t, vendor);
    if (command === 'update') {
      const manifest = signedManifest(vendor, [signedTarget('a', image.root)], { release: 5 });
      await installFrom(root, await publishSigned(vendor, 'first', manifest));
    }
    const { reference, options = [], ...call_ } = await prepare({ vendor, root, image });
    const before = treeOf(root, except);
    const words = ['mosctl', '--quiet', command, '--root', root, ...options, reference];
    const called = await call(words, call_);
    const words_ = { ROOT: root, REPO: vendor.repository, DIR: vendor.folder };
    t.deepEqual([called.exit, called.stdout, plain(called.stderr, words_)], [exit, '', message]);
    t.deepEqual(treeOf(root, except), before);
  },
  title: (what) => `refused: ${what}`,
});

const one = ({ vendor, image }: Scene, more: object = {}, target: object = {}): object =>
  signedManifest(vendor, [signedTarget('a', image.root, target)], more);

/** The clock of a machine that stands at a time. */
const at = (time: string): Host => ({
  ...linuxHost,
  clock: { ...linuxHost.clock, now: () => new Date(time) },
});

test(
  'a signature of other bytes',
  refused,
  'install',
  async (scene) => ({
    reference: await publishSigned(scene.vendor, 'x', one(scene), { signature: Buffer.from('no signature') }),
  }),
  4,
  `mosctl: cannot trust zot:REPO:machine/install:x: no signature fits its bytes
  it was changed after it was signed, or signed with another key
`,
);

test(
  'a certificate that has expired when the manifest is accepted',
  refused,
  'install',
  async (scene) => ({
    reference: await publishSigned(scene.vendor, 'x', one(scene)),
    host: at('2060-01-01T00:00:00Z'),
  }),
  4,
  `mosctl: cannot trust zot:REPO:machine/install:x: the certificate "manifest PRODUCT:UUID" has expired at TIME
  ask its publisher to sign again with a new certificate
`,
);

test(
  'a certificate that is not valid yet',
  refused,
  'install',
  async (scene) => ({
    reference: await publishSigned(scene.vendor, 'x', one(scene)),
    host: at('2020-01-01T00:00:00Z'),
  }),
  4,
  `mosctl: cannot trust zot:REPO:machine/install:x: the certificate "manifest PRODUCT:UUID" is valid only from TIME
  look at the clock of this machine
`,
);

test(
  'a clock that is earlier than the build of this program',
  refused,
  'install',
  async (scene) => ({
    reference: await publishSigned(scene.vendor, 'x', one(scene)),
    host: at('1970-01-02T00:00:00Z'),
    builtAt: new Date('2026-11-01T00:00:00Z'),
  }),
  9,
  `mosctl: cannot judge dates: the clock says TIME, but this program was built at TIME
  set the clock and try again
`,
);

test(
  'a CA that did not sign it',
  refused,
  'install',
  async (scene) => {
    const key = join(scene.vendor.folder, 'other.key');
    const ca = join(scene.vendor.folder, 'other.pem');
    const args = [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      key,
      '-out',
      ca,
      '-subj',
      '/CN=Other CA',
    ];
    execFileSync('openssl', args, { stdio: 'ignore' });
    return { reference: await publishSigned(scene.vendor, 'x', one(scene)), options: ['--ca', ca] };
  },
  4,
  `mosctl: cannot trust zot:REPO:machine/install:x: its certificate "manifest PRODUCT:UUID" was not signed by a CA of DIR/other.pem
  give the right CA file, or publish with a project of that keyset
`,
);

test(
  'a CA without the CA flag',
  refused,
  'install',
  async (scene) => {
    const ca = await makeCa({ isCa: false });
    const leaf = await makeLeaf(ca, { name: `manifest PRODUCT:${scene.vendor.product}` });
    const file = join(scene.vendor.folder, 'noca.pem');
    writeFileSync(file, ca.pem);
    const manifest = JSON.stringify(one(scene));
    const signature = await signWith(leaf, Buffer.from(manifest));
    const reference = await publishSigned(scene.vendor, 'x', manifest, { certificate: leaf.pem, signature });
    return { reference, options: ['--ca', file] };
  },
  4,
  `mosctl: cannot trust zot:REPO:machine/install:x: its CA "Manifest rootCA" is no CA: the CA flag is missing
`,
);

test(
  "another product's manifest",
  refused,
  'update',
  async (scene) => {
    const product = await addProduct(scene.vendor, 'other');
    const manifest = { ...one(scene, { release: 6 }), product };
    return { reference: await publishSigned(scene.vendor, 'x', manifest, { project: 'other' }) };
  },
  4,
  'mosctl: cannot trust zot:REPO:machine/install:x: it is for product UUID, this machine is UUID\n',
);

test(
  'a manifest that names another product than its certificate',
  refused,
  'install',
  async (scene) => ({
    reference: await publishSigned(scene.vendor, 'x', { ...one(scene), product: 'other' }),
  }),
  4,
  `mosctl: cannot trust zot:REPO:machine/install:x: its certificate is for product UUID, it names other
  publish it with the project of its product
`,
);

test(
  'a lower release',
  refused,
  'update',
  async (scene) => ({ reference: await publishSigned(scene.vendor, 'x', one(scene, { release: 4 })) }),
  5,
  `mosctl: cannot accept zot:REPO:machine/install:x: it is release 4, and this machine accepted release 5
  mosctl rollback goes back to a generation that this machine has kept
`,
);

test(
  'the same release with other content',
  refused,
  'update',
  async (scene) => ({
    reference: await publishSigned(scene.vendor, 'x', one(scene, { release: 5 }, { version: '2' })),
  }),
  5,
  `mosctl: cannot accept zot:REPO:machine/install:x: release 5 was accepted with other content before
  mosctl rollback goes back to a generation that this machine has kept
`,
);

test(
  'a manifest without a release where the machine has accepted one',
  refused,
  'update',
  async (scene) => ({ reference: await publishSigned(scene.vendor, 'x', one(scene)) }),
  5,
  `mosctl: cannot accept zot:REPO:machine/install:x: it has no release number, and this machine accepted release 5
  mosctl rollback goes back to a generation that this machine has kept
`,
);

test(
  'a version nobody knows',
  refused,
  'install',
  async (scene) => ({ reference: await publishSigned(scene.vendor, 'x', one(scene, { version: 2 })) }),
  16,
  `mosctl: cannot use zot:REPO:machine/install:x: its version is 2, this program knows version 1
  update mosctl first
`,
);

test(
  'an update type nobody knows',
  refused,
  'install',
  async (scene) => ({
    reference: await publishSigned(scene.vendor, 'x', one(scene, { update_type: 'some' })),
  }),
  3,
  `mosctl: cannot use zot:REPO:machine/install:x: update_type must be complete or partial
`,
);

test(
  'a partial manifest where nothing is installed',
  refused,
  'install',
  async (scene) => ({
    reference: await publishSigned(scene.vendor, 'x', one(scene, { update_type: 'partial' })),
  }),
  9,
  `mosctl: cannot install a partial manifest: there is nothing yet that it could be a part of
`,
);

test(
  'two targets of one name',
  refused,
  'install',
  async (scene) => {
    const target = signedTarget('a', scene.image.root);
    return {
      reference: await publishSigned(scene.vendor, 'x', signedManifest(scene.vendor, [target, target])),
    };
  },
  3,
  `mosctl: cannot use zot:REPO:machine/install:x: targets[1].service_name is a for the second time
`,
);

for (const [what, name] of [
  ['../', '../../etc'],
  ['a newline', 'a\nb'],
  ['a slash', 'a/b'],
] as const)
  test(
    `a target name with ${what}`,
    refused,
    'install',
    async (scene) => ({
      reference: await publishSigned(scene.vendor, 'x', one(scene, {}, { service_name: name })),
    }),
    3,
    `mosctl: cannot use zot:REPO:machine/install:x: targets[0].service_name must be 1 to 63 of a-z 0-9 . _ - and begin with a letter or digit
`,
  );

test(
  'a field that must be understood and is not',
  refused,
  'install',
  async (scene) => ({
    reference: await publishSigned(scene.vendor, 'x', one(scene, { must_understand: ['colour'] })),
  }),
  3,
  `mosctl: cannot use zot:REPO:machine/install:x: must_understand[0] names colour, which restricts and which this program does not know
`,
);

test(
  'a digest that no image has',
  refused,
  'install',
  async (scene) => ({
    reference: await publishSigned(scene.vendor, 'x', one(scene, {}, { digest: `sha256:${'0'.repeat(64)}` })),
  }),
  7,
  `mosctl: cannot read the image of a: cannot find sha256:SHA in REPO/mos
`,
);

test(
  'a size that is not the one of the image',
  refused,
  'install',
  async (scene) => ({ reference: await publishSigned(scene.vendor, 'x', one(scene, {}, { size: 5 })) }),
  6,
  `mosctl: cannot read the image of a: cannot use sha256:SHA in REPO/mos: its file has 548 bytes in place of 5
`,
);

/** What an import leaves when a layer turns out to be bad: its folders, and blobs that nothing names. */
const leftByImport = /^(atomfs-cache|config|config\/mos)(\/|$)/;

/** Publishes a manifest of one image and nothing else. */
async function withImage({ vendor }: Scene, image: AtomfsImage): Promise<Prepared> {
  const root = await putTarget(vendor, image);
  return { reference: await publishSigned(vendor, 'x', signedManifest(vendor, [signedTarget('a', root)])) };
}

test(
  'a layer of a type that no kernel mounts',
  refused,
  'install',
  async (scene) => withImage(scene, imageOf([content('application/vnd.example.layer+zip', 'PK')])),
  16,
  `mosctl: cannot use the image of a: cannot use a layer of type "application/vnd.example.layer+zip"
  known are tar layers and squashfs or erofs layers as stacker and mos make them
`,
);

test(
  'a plain tar layer',
  refused,
  'install',
  async (scene) => withImage(scene, imageOf([content(media.layerTar, 'tar')])),
  16,
  `mosctl: cannot use the image of a: cannot mount a plain tar layer
  publish it with \`mosb manifest publish\`: that converts tar layers
`,
);

test(
  'a squashfs that was cut',
  refused,
  'install',
  async (scene) => {
    const { descriptor, bytes } = await makeLayer({ a: 'x'.repeat(100_000) });
    const cut = content(descriptor.mediaType, bytes.subarray(0, 2048));
    return withImage(scene, imageOf([{ ...cut, descriptor: { ...descriptor, ...cut.descriptor } }]));
  },
  3,
  `mosctl: cannot import the image of a: cannot use the layer sha256:SHA: 2048 bytes do not fit a file system of 254 bytes with a verity tree
`,
  leftByImport,
);

test(
  'a verity tree of other data',
  refused,
  'install',
  async (scene) => {
    const { descriptor, bytes } = await makeLayer({ a: 'one' });
    const changed = Buffer.from(bytes);
    changed[200] = (changed[200] ?? 0) ^ 1;
    const layer = content(descriptor.mediaType, changed);
    return withImage(scene, imageOf([{ ...layer, descriptor: { ...descriptor, ...layer.descriptor } }]));
  },
  4,
  `mosctl: cannot import the image of a: cannot trust the layer sha256:SHA: its verity root hash is SHA, not SHA
`,
  leftByImport,
);

test(
  'a root hash of another tree',
  refused,
  'install',
  async (scene) => {
    const layer = await makeLayer({ a: 'one' });
    const annotations = { [annotationKeys.verityRootSquashfs]: 'f'.repeat(64) };
    return withImage(scene, imageOf([{ ...layer, descriptor: { ...layer.descriptor, annotations } }]));
  },
  4,
  `mosctl: cannot import the image of a: cannot trust the layer sha256:SHA: its verity root hash is SHA, not SHA
`,
  leftByImport,
);

test(
  'an artifact that is no install manifest',
  refused,
  'install',
  async ({ vendor, image }) => {
    await putTarget(vendor, image);
    return { reference: `zot:${vendor.repository}:mos@${image.root.digest}` };
  },
  3,
  `mosctl: cannot use zot:REPO:mos@sha256:SHA: it is no install manifest
  it is of type application/vnd.oci.image.config.v1+json; install manifests are made with \`mosb manifest publish\`
`,
);

test('a machine that is something else by its identity certificate refuses', async (t) => {
  const vendor = await makeVendor(t);
  const root = await makeRoot(t, vendor);
  writeFileSync(join(root, 'factory/secure/server.crt'), 'no certificate');
  copyFileSync(vendor.ca, join(root, 'factory/secure/sudiCA.pem'));
  const before = treeOf(root);
  const image = imageOf([await makeLayer({ a: '1' })]);
  const reference = await publishSigned(vendor, 'x', signedManifest(vendor, [signedTarget('a', image.root)]));
  const { exit, stderr } = await call(['mosctl', '--quiet', 'install', '-r', root, reference]);
  t.deepEqual(
    [exit, plain(stderr, { ROOT: root })],
    [
      4,
      'mosctl: cannot trust ROOT/factory/secure/server.crt: its certificate is malformed (it is not PEM)\n',
    ],
  );
  t.deepEqual(treeOf(root), before);
  t.truthy(readFileSync(join(root, 'factory/secure/server.crt')));
});
