import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { MosError } from '../../pkg/errors/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { parseReference } from '../../pkg/oci/index.ts';
import { activate, boot, createBootFs, mount, umount } from '../../pkg/system/index.ts';
import { call } from '../helpers/cli.ts';
import { installFrom, makeMountRoot, updateFrom } from '../helpers/machine.ts';
import { addImage, builtAt, makeVendor, publishRelease } from '../helpers/vendor.ts';

const integrity = 'digest';
const access = {};

const manifest = (release: number, host: string, data: string) => `update_type: complete
release: ${release}
targets:
  - {service_name: hostfs, source: "${host}", version: "${release}.0", service_type: hostfs}
  - {service_name: data, source: "${data}", version: "${release}.0", service_type: fs-only}
`;

test('the root file system is mounted writable, what is written is gone with it', async (t) => {
  const vendor = await makeVendor(t);
  const host = await addImage(vendor, 'host', { 'etc/base': 'below' }, { 'etc/os-release': 'ID=one' });
  const data = await addImage(vendor, 'data', { 'a.txt': 'one' });
  const { reference } = await publishRelease(vendor, { manifest: manifest(1, host, data) });
  const root = await makeMountRoot(t, vendor);
  await installFrom(root, reference);

  const dest = join(root, 'sysroot');
  const result = await createBootFs(linuxHost, { root, dest, integrity }, () => {});
  t.deepEqual([result.generation, result.version, result.dest, result.isWritable], [1, '1.0', dest, true]);
  t.is(readFileSync(join(dest, 'etc/os-release'), 'utf8'), 'ID=one');
  t.is(readFileSync(join(dest, 'etc/base'), 'utf8'), 'below');
  writeFileSync(join(dest, 'etc/new'), 'x');
  await umount(linuxHost, { root, what: dest });
  t.false(existsSync(join(dest, 'etc')));
  await createBootFs(linuxHost, { root, dest, integrity, readonly: true }, () => {});
  t.false(existsSync(join(dest, 'etc/new')));
  t.throws(() => writeFileSync(join(dest, 'etc/new'), 'x'), { code: 'EROFS' });
});

test('activate mounts, leaves alone what is there, and puts a new image in place of the old one', async (t) => {
  const vendor = await makeVendor(t);
  const host = await addImage(vendor, 'host', { a: '1' });
  const one = await addImage(vendor, 'one', { 'a.txt': 'one' });
  const two = await addImage(vendor, 'two', { 'a.txt': 'two' });
  const root = await makeMountRoot(t, vendor);
  await installFrom(root, (await publishRelease(vendor, { manifest: manifest(1, host, one) })).reference);
  const start = () => activate(linuxHost, { root, target: 'data', integrity });
  const at = join(root, 'mnt/atom/data');
  const text = () => readFileSync(join(at, 'a.txt'), 'utf8');

  const first = await start();
  t.deepEqual([first.at, first.changed, text()], [at, true, 'one']);
  t.false((await start()).changed);
  const second = manifest(2, host, two).replace('2.0", service_type: hostfs', '1.0", service_type: hostfs');
  const updated = await updateFrom(root, (await publishRelease(vendor, { manifest: second })).reference);
  t.deepEqual([updated.needsReboot, updated.generation], [false, 2]);
  t.is(text(), 'one');
  const third = await start();
  t.deepEqual([third.changed, third.generation, text()], [true, 2, 'two']);
  t.false((await start()).changed);
  const { unmounted } = await umount(linuxHost, { root, what: 'data' });
  t.deepEqual(unmounted, [at]);
  t.false(existsSync(join(at, 'a.txt')));
});

test('what is mounted at a folder is unmounted by its name, the name of a target counts first', async (t) => {
  const vendor = await makeVendor(t);
  const image = await addImage(vendor, 'one', { a: '1' });
  const root = await makeMountRoot(t, vendor);
  await installFrom(root, (await publishRelease(vendor, { manifest: manifest(1, image, image) })).reference);
  const words = (verb: string, ...more: readonly string[]) =>
    call(['mosctl', '--json', '--quiet', verb, '-r', root, ...more], { cwd: root });
  const put = async (...more: readonly string[]): Promise<string> =>
    JSON.parse((await words('mount', '--integrity', 'digest', '--target', 'data', ...more)).stdout).at;
  const taken = async (what: string) => JSON.parse((await words('umount', what)).stdout).unmounted;
  t.is(await put('--dest', 'there'), join(root, 'there'));
  t.deepEqual(await taken('there'), [join(root, 'there')]);
  await put('--dest', 'data');
  const own = await put();
  t.deepEqual([await taken('data'), await taken('data')], [[own], [join(root, 'data')]]);
  const { exit, stderr } = await words('umount', 'data');
  t.deepEqual(
    [exit, JSON.parse(stderr).error.message.split(' nor ').at(-1)],
    [7, `at ${join(root, 'data')}`],
  );
});

test('an update of hostfs waits for the boot, which makes it current and good', async (t) => {
  const vendor = await makeVendor(t);
  const [one, two] = [await addImage(vendor, 'h1', { v: '1' }), await addImage(vendor, 'h2', { v: '2' })];
  const data = await addImage(vendor, 'data', { 'a.txt': 'one' });
  const root = await makeMountRoot(t, vendor);
  await installFrom(root, (await publishRelease(vendor, { manifest: manifest(1, one, data) })).reference);
  const dest = join(root, 'sysroot');
  await createBootFs(linuxHost, { root, dest, integrity }, () => {});
  const first = await boot(linuxHost, { root, integrity }, () => {});
  t.deepEqual(first, {
    generation: 1,
    targets: [{ name: 'data', state: 'mounted', at: join(root, 'mnt/atom/data'), problem: null }],
    promoted: false,
    good: true,
  });
  const updated = await updateFrom(
    root,
    (await publishRelease(vendor, { manifest: manifest(2, two, data) })).reference,
  );
  t.true(updated.needsReboot);
  t.is((await boot(linuxHost, { root, integrity }, () => {})).generation, 1);
  await umount(linuxHost, { root, all: true }); // the reboot
  t.is((await createBootFs(linuxHost, { root, dest, integrity }, () => {})).generation, 2);
  t.is(readFileSync(join(dest, 'v'), 'utf8'), '2');
  const second = await boot(linuxHost, { root, integrity }, () => {});
  t.deepEqual([second.generation, second.promoted, second.good], [2, true, true]);

  // As if it had been killed between making it current and ending the wait.
  const git = (...words: string[]) =>
    execFileSync('git', ['-C', join(root, 'config/manifest.git'), ...words], { encoding: 'utf8' });
  git('update-ref', 'refs/mos/next', 'refs/mos/current');
  const third = await boot(linuxHost, { root, integrity }, () => {});
  t.deepEqual([third.generation, third.promoted, third.good], [2, false, true]);
  t.is(git('for-each-ref', '--format=%(refname)', 'refs/mos'), 'refs/mos/current\nrefs/mos/good\n');
});

test('a published manifest is mounted without an installation', async (t) => {
  const vendor = await makeVendor(t);
  const host = await addImage(vendor, 'host', { v: 'live' });
  const data = await addImage(vendor, 'data', { a: '1' });
  const { reference } = await publishRelease(vendor, { manifest: manifest(1, host, data) });
  const root = await makeMountRoot(t, vendor);
  const options = { root, integrity, access, builtAt, reference: parseReference(reference) } as const;
  const result = await mount(linuxHost, { ...options, target: 'hostfs' }, () => {});
  t.deepEqual([result.at, result.generation, result.isWritable], [join(root, 'mnt/mos/hostfs'), null, true]);
  t.is(readFileSync(join(root, 'mnt/mos/hostfs/v'), 'utf8'), 'live');
  t.false(existsSync(join(root, 'config')));
  const error = await t.throwsAsync(
    mount(linuxHost, options, () => {}),
    { instanceOf: MosError },
  );
  t.is(error.message, `cannot find the target livecd in ${reference}: there are hostfs, data`);
});

const refused = test.macro({
  async exec(t, target: string, code: string, message: string) {
    const vendor = await makeVendor(t);
    const host = await addImage(vendor, 'host', { a: '1' });
    const root = await makeMountRoot(t, vendor);
    const published = await publishRelease(vendor, {
      manifest: `update_type: complete
targets:
  - {service_name: hostfs, source: "${host}", version: "1", service_type: hostfs}
  - {service_name: web, source: "${host}", version: "1", service_type: container, nsgroup: none, network: {type: none}}
  - {service_name: strict, source: "${host}", version: "1", service_type: fs-only, integrity: verity}
`,
    });
    await installFrom(root, published.reference);
    const error = await t.throwsAsync(activate(linuxHost, { root, target, integrity }), {
      instanceOf: MosError,
    });
    t.deepEqual([error.code, error.message], [code, message]);
  },
  title: (_, target) => `activate ${target} is refused`,
});
test(refused, 'hostfs', 'needs-reboot', 'cannot activate hostfs: the machine boots from it');
test(
  refused,
  'web',
  'state',
  'cannot start web: its image has no program /bin/true that can be run (No such file or directory)',
);
test(refused, 'other', 'not-found', 'cannot find the target other: there are hostfs, strict, web');
test(
  refused,
  'strict',
  'untrusted',
  'cannot mount strict with --integrity digest: its manifest demands verity',
);
