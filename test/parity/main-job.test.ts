import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../helpers/folder.ts';
import { addTarImage } from '../helpers/tar-image.ts';

/** The programs as a user has them; HOME is the test's own. */
const programs = resolve('build');

test('the main job, by the executable alone: keyset, publish, install, mount, update, roll back, collect', async (t) => {
  const folder = await temporaryFolder(t);
  const root = join(folder, 'root');
  const run = (program: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(join(programs, program), args, {
      cwd: folder,
      env: { HOME: folder, PATH: process.env['PATH'] ?? '' },
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  };
  const ok = (program: string, ...args: string[]): string => {
    const { status, stdout, stderr } = run(program, ...args);
    t.is(status, 0, `${program} ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const json = (program: string, ...args: string[]) => JSON.parse(ok(program, '--json', ...args));
  t.teardown(() => run('mosctl', 'umount', '--all', '-r', root));

  ok('trust', 'keyset', 'add', '--key-type', 'ecdsa', 'acme');
  const images = join(folder, 'images');
  await addTarImage(images, 'host1', { 'etc/base': 'base' }, { 'etc/os-release': 'ID=one' });
  await addTarImage(images, 'host2', { 'etc/base': 'base' }, { 'etc/os-release': 'ID=two' });
  await addTarImage(images, 'data', { 'a.txt': 'data' });
  const publish = (release: number) => {
    writeFileSync(
      join(folder, 'manifest.yaml'),
      `version: 1
product: default
update_type: complete
release: ${release}
targets:
  - {service_name: hostfs, source: "oci:images:host${release}", version: "${release}.0", service_type: hostfs}
  - {service_name: data, source: "oci:images:data", version: "1.0", service_type: fs-only}
`,
    );
    const name = `machine/install:${release}`;
    return json(
      'mosb',
      'manifest',
      'publish',
      '-project',
      'acme:default',
      '--repo',
      'zot:repo',
      '--name',
      name,
      'manifest.yaml',
    );
  };
  const first = publish(1);
  t.true(first.changed);
  t.false(publish(1).changed);

  mkdirSync(join(root, 'factory/secure'), { recursive: true });
  const keys = join(folder, '.local/share/machine/trust/keys/acme');
  copyFileSync(join(keys, 'manifest-ca/cert.pem'), join(root, 'factory/secure/manifestCA.pem'));
  const ref = (release: number) => `zot:repo:machine/install:${release}`;
  t.is(json('mosctl', 'install', '-rfs', root, ref(1)).generation, 1);
  const sysroot = join(root, 'sysroot');
  const mount = ['create-boot-fs', '-r', root, '--dest', sysroot, '--integrity', 'digest'];
  t.is(json('mosctl', ...mount).generation, 1);
  t.is(readFileSync(join(sysroot, 'etc/os-release'), 'utf8'), 'ID=one');
  t.true(json('mosctl', 'boot', '-r', root, '--integrity', 'digest').good);
  t.is(readFileSync(join(root, 'mnt/atom/data/a.txt'), 'utf8'), 'data');
  const before = json('mosctl', 'status', '-r', root);
  t.deepEqual([before.running.generation, before.good.generation, before.booted], [1, 1, 1]);

  publish(2);
  t.like(json('mosctl', 'update', '-r', root, ref(2)), { generation: 2, needsReboot: true });
  ok('mosctl', 'umount', '--all', '-r', root);
  t.is(json('mosctl', ...mount).generation, 2);
  t.is(readFileSync(join(sysroot, 'etc/os-release'), 'utf8'), 'ID=two');
  t.like(json('mosctl', 'boot', '-r', root, '--integrity', 'digest'), { generation: 2, promoted: true });
  t.like(json('mosctl', 'rollback', '-r', root), { generation: 3, to: 1, needsReboot: true });
  ok('mosctl', 'umount', '--all', '-r', root);
  t.is(json('mosctl', ...mount).generation, 3);
  t.is(readFileSync(join(sysroot, 'etc/os-release'), 'utf8'), 'ID=one');
  ok('mosctl', 'umount', sysroot);
  t.false(existsSync(join(sysroot, 'etc')));

  t.deepEqual(
    json('mosctl', 'log', '-r', root).map((entry: { generation: number }) => entry.generation),
    [3, 2, 1],
  );
  t.deepEqual(json('mosctl', 'gc', '-r', root).images, []);
  t.deepEqual(json('mosctl', 'verify', '-r', root).problems, []);
  t.regex(ok('mosctl', 'why', '-r', root), /rollback from generation 2 to 1/);
  t.regex(ok('mosctl', 'diff', '-r', root, '1', '2'), /hostfs/);
  t.is(run('mosctl', 'install', '-r', root, ref(1)).status, 8);
  t.is(run('mosctl', 'update', '-r', root, ref(1)).status, 5);
  const git = ['-C', join(root, 'config/manifest.git'), 'fsck', '--full', '--strict'];
  t.is(execFileSync('git', git, { encoding: 'utf8' }), '');
});
