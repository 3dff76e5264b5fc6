import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { addSudi } from '../../pkg/trust/index.ts';
import { type ClientFiles, get, makeApiMachine, say } from '../helpers/api.ts';
import { mosctl } from '../helpers/cli.ts';
import { programs, startDaemon } from '../helpers/daemon.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { installFrom, makeRoot } from '../helpers/machine.ts';
import { call } from '../helpers/unix-http.ts';
import { addImage, addProduct, makeVendor, publishRelease, type Vendor } from '../helpers/vendor.ts';

// A machine as a mirror, read by the tools that people have.

const run = (file: string, ...words: readonly string[]): string =>
  execFileSync(file, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });

/** Installed with one image under the name machine/install:1. */
async function makeMirror(t: ExecutionContext) {
  const machine = await makeApiMachine(t);
  await addImage(machine.vendor, 'data', { hello: 'world', big: 'x'.repeat(300_000) });
  const { reference } = await publishRelease(machine.vendor, {
    name: 'machine/install:1',
    manifest: manifestOf(machine.vendor),
  });
  const { targets } = await installFrom(machine.root, reference);
  return { ...machine, digest: targets[0]?.digest ?? '' };
}

const manifestOf = ({ images }: Vendor): string => `update_type: complete
release: 1
targets:
  - {service_name: data, source: "oci:${images}:data", version: "1", service_type: fs-only}
`;

for (const [name, program] of Object.entries(programs)) {
  test.serial(`${name}: crane, regctl and skopeo pull from an open mirror`, async (t) => {
    const { root, digest } = await makeMirror(t);
    const { port } = await startDaemon(t, program, root, open, 1);
    const at = `127.0.0.1:${port}`;
    const hex = digest.slice('sha256:'.length);
    const folder = await temporaryFolder(t);
    const blobs = (layout: string): string[] =>
      run('find', join(folder, layout, 'blobs'), '-type', 'f', '-printf', '%f\n')
        .trim()
        .split('\n')
        .sort();

    t.deepEqual(run('build/tools/crane', 'catalog', at).trim().split('\n'), ['machine/install', 'mos']);
    t.is(run('build/tools/crane', 'ls', `${at}/mos`), `${hex}\n`);
    t.is(run('build/tools/crane', 'digest', `${at}/mos:${hex}`), `${digest}\n`);
    run('build/tools/crane', 'pull', '--format', 'oci', `${at}/mos@${digest}`, join(folder, 'crane'));
    t.true(blobs('crane').includes(hex));

    const regctl = (...words: string[]) =>
      run('build/tools/regctl', '--host', `reg=${at},tls=disabled`, ...words);
    t.is(regctl('tag', 'ls', `${at}/machine/install`), '1\n');
    regctl('image', 'copy', `${at}/mos:${hex}`, `ocidir://${join(folder, 'regctl')}:1`);
    t.deepEqual(blobs('regctl'), blobs('crane'));
    const types = JSON.parse(
      regctl('artifact', 'list', '--format', '{{json .Descriptors}}', `${at}/machine/install:1`),
    ).map((one: { artifactType: string }) => one.artifactType);
    t.deepEqual(types, ['application/vnd.machine.pubkeycrt', 'application/vnd.machine.signature']);

    run('skopeo', 'copy', '--src-tls-verify=false', `docker://${at}/mos:${hex}`, `oci:${folder}/skopeo:1`);
    t.deepEqual(blobs('skopeo'), blobs('crane'));
  });

  test.serial(
    `${name}: a machine is installed from a mirror alone, and nothing is written there`,
    async (t) => {
      const { root, vendor } = await makeMirror(t);
      const { port, socket } = await startDaemon(t, program, root, open, 1);
      const index = readFileSync(join(root, 'atomfs-cache/mos/index.json'), 'utf8');
      const other = await makeRoot(t, vendor);
      const { exit, stderr } = await mosctl(other, 'install', `http://127.0.0.1:${port}/machine/install:1`);
      t.is(exit, 0, stderr);
      const put = await fetch(`http://127.0.0.1:${port}/v2/mos/blobs/uploads/`, { method: 'POST' });
      t.deepEqual([put.status, put.headers.get('allow')], [405, 'GET, HEAD']);
      t.is(readFileSync(join(root, 'atomfs-cache/mos/index.json'), 'utf8'), index);
      const { body } = await call(socket, 'GET', '/metrics');
      t.regex(body, /^mos_mirror_bytes_total [1-9]\d{3}/m);
    },
  );

  test.serial(
    `${name}: a machine takes from a neighbour what the origin does not give, and shows who it is`,
    async (t) => {
      const { root, vendor, digest } = await makeMirror(t);
      const { port } = await startDaemon(t, programs.executable, root, closed, 1);
      const other = await makeRoot(t, vendor);
      const mirror = ['--from-mirror', `https://127.0.0.1:${port}`];
      const [file = '', ...more] = program;
      const words = [...more, 'install', '-r', other, ...mirror, 'http://127.0.0.1:1/machine/install:1'];
      const install = () => spawnSync(file, words, { encoding: 'utf8' });
      t.not(install().status, 0, 'without an identity');
      const { path } = await addSudi(linuxHost, vendor.keyset, 'default', 'SN0009', { folder: vendor.keys });
      const secure = join(other, 'factory/secure');
      copyFileSync(join(path, 'cert.pem'), join(secure, 'server.crt'));
      copyFileSync(join(path, 'privkey.pem'), join(secure, 'server.key'));
      copyFileSync(join(root, 'factory/secure/sudiCA.pem'), join(secure, 'sudiCA.pem'));
      const { status, stderr } = install();
      t.is(status, 0, stderr);
      t.regex(stderr, /was asked in its place/);
      const blob = join('atomfs-cache/mos/blobs/sha256', digest.slice('sha256:'.length));
      t.deepEqual(readFileSync(join(other, blob)), readFileSync(join(root, blob)));
    },
  );
}

const open = ['--mirror', '--open', '--mirror-listen', '127.0.0.1:0'] as const;

test.serial('machines of the product and clients of the API read a mirror, nobody else', async (t) => {
  const { root, vendor, sudiCa, client } = await makeMirror(t);
  const { addresses, port } = await startDaemon(t, programs.executable, root, closed, 1);
  t.is(addresses.at(-1), `https://127.0.0.1:${port}`);
  const ask = async (files: ClientFiles | undefined): Promise<string> => {
    const said = await say(
      { port, ca: sudiCa, ...(files === undefined ? {} : { client: files }) },
      get('/v2/mos/tags/list'),
    );
    return said.statuses.join() || 'shut out';
  };
  const machineOf = async (project: string, serial: string, { keyset, keys } = vendor) => {
    const { path } = await addSudi(linuxHost, keyset, project, serial, { folder: keys });
    return { cert: join(path, 'cert.pem'), key: join(path, 'privkey.pem') };
  };
  await addProduct(vendor, 'other');
  const stranger = await machineOf('default', 'SN0002', await makeVendor(t, 'strangers'));
  const { client: ofStrangers } = await makeApiMachine(t);
  t.deepEqual(
    {
      neighbour: await ask(await machineOf('default', 'SN0002')),
      reader: await ask(await client('reader', 'reader')),
      nobody: await ask(undefined),
      'another product': await ask(await machineOf('other', 'SN0003')),
      'of another CA': await ask(stranger),
      'client of another CA': await ask(await ofStrangers('reader', 'reader')),
      'who signs': await ask({
        cert: join(vendor.keys, vendor.keyset, 'manifest/default/cert.pem'),
        key: join(vendor.keys, vendor.keyset, 'manifest/default/privkey.pem'),
      }),
    },
    {
      neighbour: '200',
      reader: '200',
      nobody: 'shut out',
      'another product': '403',
      'of another CA': 'shut out',
      'client of another CA': 'shut out',
      'who signs': 'shut out',
    },
  );
});

const closed = ['--mirror', '--mirror-listen', '127.0.0.1:0'] as const;
