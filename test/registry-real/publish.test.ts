import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Secret } from '../../pkg/errors/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { parseReference } from '../../pkg/oci/index.ts';
import { install, type RegistryAccess, update } from '../../pkg/system/index.ts';
import { makeRoot } from '../helpers/machine.ts';
import { describeRegistry, everyRegistry, startRegistry, type TestRegistry } from '../helpers/registries.ts';
import { addTarImage } from '../helpers/tar-image.ts';
import { addImage, builtAt, makeVendor, publishRelease, type Vendor } from '../helpers/vendor.ts';

const accessTo = (registry: TestRegistry): RegistryAccess => ({
  registryCa: registry.ca,
  plainHttp: registry.scheme === 'http',
  credentials: { registry: registry.host, user: registry.user, password: new Secret(registry.password) },
});

const placeOf = (registry: TestRegistry) =>
  ({ kind: 'registry', registry: registry.host, scheme: registry.scheme }) as const;

/** One image of a plain tar layer, one of two verity layers. */
async function manifestOf(vendor: Vendor, release: number, text: string): Promise<string> {
  const host = await addTarImage(join(vendor.folder, 'plain'), `h${release}`, { 'etc/os-release': text });
  const data = await addImage(vendor, 'data', { a: 'base' }, { b: 'top' });
  return `update_type: complete
release: ${release}
targets:
  - {service_name: hostfs, source: "${host}", version: "${release}", service_type: hostfs}
  - {service_name: data, source: "${data}", version: "1", service_type: fs-only}
`;
}

for (const kind of everyRegistry)
  test(`publish, install and update through ${describeRegistry(kind)}`, async (t) => {
    const registry = await startRegistry(t, kind);
    const vendor = await makeVendor(t);
    const target = { place: placeOf(registry), access: accessTo(registry) };
    const first = await publishRelease(vendor, {
      manifest: await manifestOf(vendor, 1, 'ID=one'),
      ...target,
    });
    t.deepEqual(
      first.targets.map(({ name, converted, changed }) => [name, converted, changed]),
      [
        ['hostfs', true, true],
        ['data', false, true],
      ],
    );
    const again = await publishRelease(vendor, {
      manifest: await manifestOf(vendor, 1, 'ID=one'),
      ...target,
    });
    t.deepEqual([again.changed, again.sentBytes, again.digest], [false, 0, first.digest]);

    const root = await makeRoot(t, vendor);
    const take = { root, reference: parseReference(first.reference), access: accessTo(registry), builtAt };
    t.like(await install(linuxHost, take, () => {}), { generation: 1, release: 1 });
    const second = await publishRelease(vendor, {
      manifest: await manifestOf(vendor, 2, 'ID=two'),
      ...target,
    });
    t.deepEqual(
      second.changes?.map(({ name, from, to }) => [name, from?.version, to?.version]),
      [['hostfs', '1', '2']],
    );
    const updated = await update(linuxHost, take, () => {});
    t.like(updated, { generation: 2, release: 2, needsReboot: true });
  });

test('a login is never sent to another registry than the one that is written to', async (t) => {
  const source = await startRegistry(t, { kind: 'docker', auth: 'basic' });
  const vendor = await makeVendor(t);
  const failing = publishRelease(vendor, {
    manifest: `update_type: complete\ntargets:\n  - {service_name: a, source: "docker://${source.host}/a:1", version: "1", service_type: fs-only}\n`,
    place: { kind: 'registry', registry: '127.0.0.1:1', scheme: 'http' },
    access: {
      credentials: { registry: '127.0.0.1:1', user: source.user, password: new Secret(source.password) },
    },
  });
  await t.throwsAsync(failing, { message: /401/ });
});

test('a manifest made with regctl and openssl alone installs', async (t) => {
  const registry = await startRegistry(t, { kind: 'referrers' });
  const vendor = await makeVendor(t);
  const data = await addImage(vendor, 'data', { a: '1' });
  const work = mkdtempSync(join(tmpdir(), 'mos-regctl-'));
  t.teardown(() => rmSync(work, { recursive: true }));
  const run = (program: string, ...args: string[]): string =>
    execFileSync(program, args, {
      encoding: 'utf8',
      env: { ...process.env, REGCTL_CONFIG: join(work, 'config.json') },
    });
  const regctl = (...args: string[]): string => run('build/tools/regctl', ...args);
  regctl('registry', 'set', registry.host, '--tls', 'disabled');
  const digest = regctl('manifest', 'head', `ocidir://${data.slice('oci:'.length)}`).trim();
  const size = regctl(
    'manifest',
    'get',
    `ocidir://${data.slice('oci:'.length)}`,
    '--format',
    'raw-body',
  ).length;
  regctl('image', 'copy', `ocidir://${data.slice('oci:'.length)}`, `${registry.host}/mos:${digest.slice(7)}`);
  const file = (name: string): string => join(work, name);
  writeFileSync(
    file('install.json'),
    JSON.stringify({
      version: 1,
      product: vendor.product,
      storage: null,
      targets: [
        {
          service_name: 'data',
          version: '1',
          service_type: 'fs-only',
          network: { type: 'none', ipv4: '', ipv6: '', ports: null },
          nsgroup: '',
          digest,
          storage: null,
          size,
        },
      ],
      update_type: 'complete',
    }),
  );
  const project = join(vendor.keys, vendor.keyset, 'manifest/default');
  const sign = [
    'dgst',
    '-sha256',
    '-sign',
    join(project, 'privkey.pem'),
    '-out',
    file('signature'),
    file('install.json'),
  ];
  run('openssl', ...sign);
  const name = `${registry.host}/machine/install:1`;
  const put = (type: string, media: string, path: string, ...more: string[]): string =>
    regctl('artifact', 'put', '--artifact-type', type, '--file', path, '--file-media-type', media, ...more);
  put('application/vnd.machine.install', 'application/vnd.machine.install', file('install.json'), name);
  const layer = 'application/vnd.oci.image.layer.v1.tar';
  put('application/vnd.machine.pubkeycrt', layer, join(project, 'cert.pem'), '--subject', name);
  put('application/vnd.machine.signature', layer, file('signature'), '--subject', name);
  const root = await makeRoot(t, vendor);
  const reference = parseReference(`http://${name}`);
  const result = await install(linuxHost, { root, reference, access: {}, builtAt }, () => {});
  t.like(result, { generation: 1, product: vendor.product, productOrigin: 'first install', release: null });
});
