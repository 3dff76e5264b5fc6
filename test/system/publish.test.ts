import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { MosError } from '../../pkg/errors/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout, openZotRoot } from '../../pkg/layout/index.ts';
import { media } from '../../pkg/oci/index.ts';
import { treeOf } from '../helpers/tree.ts';
import { addImage, makeVendor, publishRelease, type Release } from '../helpers/vendor.ts';

const twoTargets = (web: string, host: string) => `update_type: complete
release: 1
targets:
  - {service_name: hostfs, source: "${host}", version: "1.0", service_type: hostfs}
  - {service_name: web, source: "${web}", version: "2.0", service_type: fs-only}
`;

test('images, manifest, certificate and signature are there, and a second time changes nothing', async (t) => {
  const vendor = await makeVendor(t);
  const host = await addImage(vendor, 'host', { 'etc/base': 'base' }, { 'etc/os-release': 'ID=host' });
  const web = await addImage(vendor, 'web', { 'etc/base': 'base' }, { 'www/index.html': 'hello' });
  const first = await publishRelease(vendor, { manifest: twoTargets(web, host) });
  t.deepEqual(
    [first.changed, first.changes, first.targets.map((target) => target.name)],
    [true, null, ['hostfs', 'web']],
  );
  t.is(first.reference, `zot:${vendor.repository}:machine/install:1.0.0`);

  const zot = await openZotRoot(linuxHost, vendor.repository);
  const names = await zot.repository('machine/install');
  const artifact = await names.resolve('1.0.0');
  t.is(artifact.digest, first.digest);
  const types = (await names.referrers(artifact)).map((one) => one.artifactType).sort();
  t.deepEqual(types, [media.certificate, media.signature]);
  const store = await zot.repository('mos');
  t.deepEqual(
    await store.tags(),
    first.targets.map((target) => target.digest.slice('sha256:'.length)).sort(),
  );

  const before = treeOf(vendor.repository);
  const second = await publishRelease(vendor, { manifest: twoTargets(web, host) });
  t.deepEqual(second, { ...first, changed: false, sentBytes: 0, changes: [], targets: second.targets });
  t.deepEqual(treeOf(vendor.repository), before);
});

test('a dry run sends nothing, and says what would be sent and what changes', async (t) => {
  const vendor = await makeVendor(t);
  const host = await addImage(vendor, 'host', { a: '1' });
  const web = await addImage(vendor, 'web', { b: '1' });
  const nothing = await publishRelease(vendor, { manifest: twoTargets(web, host), dryRun: true });
  t.true(nothing.changed && nothing.sentBytes > 0);
  t.deepEqual(treeOf(vendor.repository), {});
  const { targets } = await publishRelease(vendor, { manifest: twoTargets(web, host) });
  const before = treeOf(vendor.repository);
  const newer = await addImage(vendor, 'web2', { b: '2' });
  const planned = await publishRelease(vendor, {
    manifest: twoTargets(newer, host).replace('"2.0"', '"2.1"').replace('release: 1', 'release: 2'),
    dryRun: true,
  });
  t.deepEqual(treeOf(vendor.repository), before);
  t.deepEqual(
    planned.changes?.map(({ name, kind, from, to }) => [name, kind, from?.version, to?.version]),
    [['web', 'changed', '2.0', '2.1']],
  );
  t.deepEqual(
    planned.targets.map(({ name, sentBytes, changed }) => [name, sentBytes > 0, changed]),
    [
      ['hostfs', false, false],
      ['web', true, true],
    ],
  );
  t.is(targets[0]?.digest, planned.targets[0]?.digest);
});

test('openssl accepts the signature', async (t) => {
  const vendor = await makeVendor(t);
  const source = await addImage(vendor, 'a', { a: '1' });
  await publishRelease(vendor, {
    manifest: `update_type: complete\ntargets:\n  - {service_name: a, source: "${source}", version: "1", service_type: fs-only}\n`,
  });
  const names = await (await openZotRoot(linuxHost, vendor.repository)).repository('machine/install');
  const artifact = await names.resolve('1.0.0');
  const contentOf = async (type?: string): Promise<Uint8Array> => {
    const [root] = type === undefined ? [artifact] : await names.referrers(artifact, type);
    const manifest = JSON.parse(Buffer.from(await names.read(root ?? artifact)).toString());
    return names.read(manifest.layers[0]);
  };
  const file = (name: string, bytes: Uint8Array) => {
    writeFileSync(join(vendor.folder, name), bytes);
    return join(vendor.folder, name);
  };
  const bytes = file('install.json', await contentOf());
  const certificate = file('cert.pem', await contentOf(media.certificate));
  const signature = file('signature', await contentOf(media.signature));
  const key = file('key.pem', execFileSync('openssl', ['x509', '-in', certificate, '-noout', '-pubkey']));
  const answer = execFileSync(
    'openssl',
    ['dgst', '-sha256', '-verify', key, '-signature', signature, bytes],
    {
      encoding: 'utf8',
    },
  );
  t.is(answer, 'Verified OK\n');
  t.is(JSON.parse(readFileSync(bytes, 'utf8')).product, vendor.product);
});

test('SOURCE_DATE_EPOCH is the time of creation, and without it there is none', async (t) => {
  const vendor = await makeVendor(t);
  const source = await addImage(vendor, 'a', { a: '1' });
  const manifest = `update_type: complete\ntargets:\n  - {service_name: a, source: "${source}", version: "1", service_type: fs-only}\n`;
  const annotationsOf = async (): Promise<unknown> => {
    const names = await (await openZotRoot(linuxHost, vendor.repository)).repository('machine/install');
    return JSON.parse(Buffer.from(await names.read(await names.resolve('1.0.0'))).toString()).annotations;
  };
  await publishRelease(vendor, { manifest });
  t.is(await annotationsOf(), undefined);
  await publishRelease(vendor, { manifest, created: '2026-01-02T03:04:05Z' });
  t.deepEqual(await annotationsOf(), { 'org.opencontainers.image.created': '2026-01-02T03:04:05Z' });
});

const fsOnly = (source: string, more = '') =>
  `update_type: complete\ntargets:\n  - {service_name: a, source: "${source}", version: "1", service_type: fs-only${more}}\n`;

const refused = test.macro({
  async exec(
    t,
    manifest: (source: string) => string,
    code: string,
    message: (source: string, digest: string, product: string) => string,
    options: Partial<Release> = {},
  ) {
    const vendor = await makeVendor(t);
    const source = await addImage(vendor, 'a', { a: '1' });
    const { digest } = await (await openLayout(linuxHost, vendor.images)).resolve('a');
    const error = await t.throwsAsync(publishRelease(vendor, { manifest: manifest(source), ...options }), {
      instanceOf: MosError,
    });
    t.deepEqual([error.code, error.message], [code, message(source, digest, vendor.product)]);
    t.false(Object.keys(treeOf(vendor.repository)).some((name) => name.startsWith('machine')));
  },
  title: (what) => `refused: ${what}`,
});

const other = `sha256:${'0'.repeat(64)}`;
test(
  'a digest in the import file that is not the one of the image',
  refused,
  (source) => fsOnly(source, `, digest: "${other}"`),
  'untrusted',
  (source, digest) => `cannot publish a: ${source} has digest ${digest}, the import file says ${other}`,
);
test(
  'a size in the import file that is not the one of the image',
  refused,
  (source) => fsOnly(source, ', size: 5'),
  'untrusted',
  (source) => `cannot publish a: ${source} has size 548, the import file says 5`,
);
test(
  'an image that is not there',
  refused,
  (source) => fsOnly(source.replace(/:a$/, ':b')),
  'not-found',
  (source) => `cannot find b in ${source.slice(4, -2)}: no image there has that name`,
);
test(
  'a product of another project',
  refused,
  (source) => fsOnly(source),
  'untrusted',
  (_, __, product) => `cannot publish for the product other: acme:default signs for ${product}`,
  { product: 'other' },
);

test('a name that would lie in the way of a repository is refused before anything is copied', async (t) => {
  const vendor = await makeVendor(t);
  const manifest = fsOnly(await addImage(vendor, 'a', { a: '1' }));
  await t.throwsAsync(publishRelease(vendor, { manifest, name: 'machine/web/index.json:1' }), {
    code: 'usage',
    message: 'cannot use machine/web/index.json as a repository name: "index.json" is a part of each layout',
  });
  t.deepEqual(treeOf(vendor.repository), {});
});

test('images are for the platform that is wanted, files for others may be for another one', async (t) => {
  const vendor = await makeVendor(t);
  const source = await addImage(vendor, 'a', { a: '1' });
  const { digest } = await (await openLayout(linuxHost, vendor.images)).resolve('a');
  const message = `cannot find an image for linux/riscv64: ${digest} is for linux/amd64`;
  const platform = 'linux/riscv64';
  const hostfs = fsOnly(source).replace('fs-only', 'hostfs');
  const refusal = await t.throwsAsync(publishRelease(vendor, { manifest: hostfs, platform }), {
    instanceOf: MosError,
    message,
  });
  t.is(refusal.hint, 'if that is what you want, say --platform linux/amd64');
  const notes: string[] = [];
  const report: Release['report'] = (event) => event.kind === 'note' && notes.push(event.text);
  await publishRelease(vendor, { manifest: fsOnly(source), platform, report });
  t.deepEqual(notes.slice(0, 1), [`warning: ${message}`]);
  await t.notThrowsAsync(publishRelease(vendor, { manifest: hostfs, platform: 'linux/amd64' }));
});

test('a security version that no TPM of a new machine could count up to is told', async (t) => {
  const vendor = await makeVendor(t);
  const host = await addImage(vendor, 'host', { a: '1' });
  const notes: string[] = [];
  const manifest = (version: number) => `update_type: complete
security_version: ${version}
targets:
  - {service_name: hostfs, source: "${host}", version: "1.0", service_type: hostfs}
`;
  const report: Release['report'] = (event) => event.kind === 'note' && notes.push(event.text);
  const warnings = () => notes.filter((note) => note.startsWith('warning: '));
  await publishRelease(vendor, { manifest: manifest(1000), report });
  t.deepEqual(warnings(), []);
  await publishRelease(vendor, { manifest: manifest(20261127), report });
  t.deepEqual(warnings(), [
    'warning: security_version 20261127: a machine with a TPM takes at most 1000 more than its floor, a new one at most 1000',
  ]);
});
