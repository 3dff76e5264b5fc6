import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';

/** Install, boot set-up and update of a root inside a privileged LXC container of Debian 12, by the release executable. */
const build = resolve('build');
const images = join(build, 'images');
type Index = { manifests: { digest: string; annotations?: Record<string, string> }[] };

const readBlob = (layout: string, digest: string): string =>
  readFileSync(join(layout, 'blobs/sha256', digest.slice('sha256:'.length)), 'utf8');

/** The one tar layer of the image that `make images` makes. */
function debianLayer(): string {
  const layout = join(images, 'debian');
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as Index;
  const [first] = index.manifests;
  const { layers } = JSON.parse(readBlob(layout, first?.digest ?? '')) as { layers: { digest: string }[] };
  return join(layout, 'blobs/sha256', layers[0]?.digest.slice('sha256:'.length) ?? '');
}

const importFile = (release: number, names: readonly string[]): string =>
  ['version: 1', 'product: default', 'update_type: complete', `release: ${release}`, 'targets:']
    .concat(
      names.flatMap((name) => [
        `  - service_name: ${name}`,
        `    source: oci:${images}/layered:1`,
        `    version: ${release}.0.0`,
        `    service_type: ${name === 'hostfs' ? 'hostfs' : 'fs-only'}`,
        '    nsgroup: none',
        '    network: { type: none }',
      ]),
    )
    .join('\n');

/** What lxc.container.conf(5) calls for a container that may mount. */
const configuration = (work: string): string =>
  [
    'lxc.uts.name = mos-main-job',
    `lxc.rootfs.path = dir:${work}/rootfs`,
    'lxc.apparmor.profile = unchanged',
    'lxc.net.0.type = empty',
    'lxc.autodev = 0',
    'lxc.mount.auto = proc:rw sys:rw',
    'lxc.mount.entry = /dev dev none rbind 0 0',
    'lxc.mount.entry = tmpfs run tmpfs rw 0 0',
    `lxc.mount.entry = ${build}/mosctl usr/bin/mosctl none bind,create=file 0 0`,
    `lxc.mount.entry = ${work}/repo repo none bind,ro,create=dir 0 0`,
    `lxc.mount.entry = ${work}/machine machine none bind,create=dir 0 0`,
    'lxc.cap.drop =',
  ].join('\n');

/** One word a line is what the test compares; a failing command ends it with its exit code. */
const story = `set -eu
mosctl --quiet install -r /machine zot:/repo:machine/test:1 >/dev/null
mosctl --quiet status -r /machine | head -1 | cut -d: -f1
mosctl --quiet create-boot-fs -r /machine --dest /sysroot --integrity digest >/dev/null
ls /sysroot | head -1; echo written > /sysroot/etc/written; cat /sysroot/etc/written
mosctl --quiet boot -r /machine --integrity digest >/dev/null || echo boot failed
ls /machine/mnt/atom/site | head -1
mosctl --quiet update -r /machine zot:/repo:machine/test:2 >/dev/null
mosctl --quiet log -r /machine | grep -c generation
mosctl --quiet diff -r /machine 1 2 | grep -c extra
mosctl --quiet umount --all -r /machine >/dev/null
grep -c ' /sysroot ' /proc/self/mountinfo || true
mosctl --quiet verify -r /machine >/dev/null
git -C /machine/config/manifest.git fsck --full --strict 2>/dev/null >/dev/null
echo done
`;

test('install, boot set-up and update run inside an LXC container', (t) => {
  const work = mkdtempSync('/var/tmp/mos-lxc-');
  t.teardown(() => rmSync(work, { recursive: true, force: true }));
  for (const folder of ['rootfs', 'machine/factory/secure', 'repo'])
    mkdirSync(join(work, folder), { recursive: true });
  execFileSync('tar', ['-xf', debianLayer(), '-C', join(work, 'rootfs')]);
  mkdirSync(join(work, 'rootfs/sysroot'), { recursive: true });

  const env = { ...process.env, XDG_DATA_HOME: join(work, 'vendor'), XDG_CACHE_HOME: join(work, 'cache') };
  const vendor = (program: string, ...argv: string[]) =>
    execFileSync(join(build, program), ['--quiet', ...argv], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  vendor('trust', 'keyset', 'add', 'test');
  for (const [release, names] of [
    [1, ['hostfs', 'site']],
    [2, ['hostfs', 'site', 'extra']],
  ] as const) {
    writeFileSync(join(work, `${release}.yaml`), importFile(release, names));
    const where = ['--repo', `zot:${work}/repo`, '--name', `machine/test:${release}`, '--skip-bootkit'];
    vendor(
      'mosb',
      'manifest',
      'publish',
      '--project',
      'test:default',
      ...where,
      join(work, `${release}.yaml`),
    );
  }
  const ca = readFileSync(join(work, 'vendor/machine/trust/keys/test/manifest-ca/cert.pem'));
  writeFileSync(join(work, 'machine/factory/secure/manifestCA.pem'), ca);

  writeFileSync(join(work, 'config'), configuration(work));
  const name = `mos-main-job-${process.pid}`;
  const argv = ['-n', name, '-f', join(work, 'config'), '--', '/bin/bash', '-c', story];
  const result = spawnSync('lxc-execute', argv, { encoding: 'utf8', timeout: 300_000 });
  t.deepEqual(
    { status: result.status, stdout: result.stdout.trim().split('\n') },
    { status: 0, stdout: ['generation 1', 'bin', 'written', 'bin', '2', '1', '0', 'done'] },
    result.stderr,
  );
  t.false(readFileSync('/proc/self/mountinfo', 'utf8').includes(work));
});
