import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CpioEntry, renderCpio } from '../../initrd/cpio.ts';
import { makeExt4 } from './disk.ts';
import type { Owner } from './registries/process.ts';
import { Machine } from './vm.ts';

// A Debian in QEMU whose kernel has device-mapper, for tests that need one. The project lies at /repo in it.

const programs = ['sh', 'mount', 'insmod', 'switch_root'];
const modules = [
  ...['virtio_ring', 'virtio', 'virtio_pci_legacy_dev', 'virtio_pci_modern_dev', 'virtio_pci', 'virtio_blk'],
  ...[
    'virtio-rng',
    'loop',
    'squashfs',
    'libcrc32c',
    'erofs',
    'overlay',
    'dm-mod',
    'dm-bufio',
    'reed_solomon',
  ],
  ...['dm-verity', 'sha256-ssse3'],
];
/** Parts of node_modules that no test runs in there; they are big. */
const leftOut = ['typescript', '@typescript', '@biomejs', 'bun', '@oven'];

/** Not chroot: who is in one can't make user namespaces. */
const init = `#!/bin/sh
mount -t proc proc /proc
mount -t devtmpfs dev /dev
for module in ${modules.join(' ')}; do insmod /$module.ko; done
mount -t ext4 /dev/vda /root
mount -t ext4 /dev/vdb /root/repo
mount -t proc proc /root/proc
mount -t sysfs sys /root/sys
mount -t devtmpfs dev /root/dev
mount -t tmpfs run /root/run
mount -t tmpfs tmp /root/tmp
echo 1 >/proc/sys/kernel/printk
echo @@begin
exec switch_root /root /bin/bash -c '/bin/bash /repo/.in-guest </dev/null; echo "@@exit $?"; echo o >/proc/sysrq-trigger; sleep 60'
`;

export type GuestOptions = {
  readonly seconds: number;
  readonly roomInMebibytes?: number;
  /** More files and folders: their path in /repo, and what is copied there. */
  readonly more?: Readonly<Record<string, string>>;
};

/** Runs a line of shell in the guest, as root, in /repo; returns its exit code and what it said. */
export async function runInGuest(
  owner: Owner,
  line: string,
  options: GuestOptions,
): Promise<{ code: number; said: string }> {
  mkdirSync('build/vm', { recursive: true });
  const folder = mkdtempSync('build/vm/guest-');
  owner.teardown(() => rmSync(folder, { recursive: true }));
  const [disk, repo, initrd] = [join(folder, 'root.img'), join(folder, 'repo.img'), join(folder, 'initrd')];
  makeRoot(folder, disk);
  makeRepo(folder, line, repo, options);
  writeFileSync(initrd, Buffer.concat(renderCpio(initrdEntries())));
  const second = ['-drive', `file=${repo},if=virtio,format=raw,cache=unsafe`];
  const machine = new Machine({
    kernel: 'build/kernel/vmlinuz',
    initrd,
    disk,
    mebibytes: 4096,
    qemu: second,
  });
  owner.teardown(() => machine.stop());
  await machine.waitFor(/@@begin\n/, 'the start of the guest');
  const said = await machine.waitFor(/@@exit \d+\n/, `the end of ${line}`, options.seconds);
  return { code: Number(/@@exit (\d+)\n$/.exec(said)?.[1]), said: said.replace(/@@exit \d+\n$/, '') };
}

/** The biggest blob of build/images/guest is its one layer. */
function makeRoot(folder: string, image: string): void {
  const blobs = 'build/images/guest/blobs/sha256';
  const index = JSON.parse(readFileSync('build/images/guest/index.json', 'utf8'));
  const manifest = JSON.parse(readFileSync(`${blobs}/${index.manifests[0].digest.slice(7)}`, 'utf8'));
  const root = join(folder, 'root');
  mkdirSync(root);
  execFileSync('tar', ['-xf', `${blobs}/${manifest.layers[0].digest.slice(7)}`, '-C', root]);
  makeExt4(image, 2048, { folder: root });
  rmSync(root, { recursive: true });
}

function makeRepo(
  folder: string,
  line: string,
  image: string,
  { roomInMebibytes: room = 1024, more = {} }: GuestOptions,
): void {
  const repo = join(folder, 'repo');
  const keep = (path: string) => !leftOut.some((name) => path === `node_modules/${name}`);
  for (const name of readdirSync('.').filter((one) => !['build', '.git'].includes(one)))
    cpSync(name, join(repo, name), {
      recursive: true,
      verbatimSymlinks: true,
      preserveTimestamps: true,
      filter: keep,
    });
  mkdirSync(join(repo, 'build'));
  for (const name of ['mosctl', 'mosb', 'trust', 'atomfs'])
    cpSync(`build/${name}`, join(repo, 'build', name), { verbatimSymlinks: true });
  for (const [to, from] of Object.entries(more)) cpSync(from, join(repo, to), { recursive: true });
  const path = '/repo/node_modules/.bin:/usr/sbin:/usr/bin:/sbin:/bin';
  writeFileSync(join(repo, '.in-guest'), `export PATH=${path} HOME=/root\ncd /repo\n${line}\n`);
  const used = Number.parseInt(execFileSync('du', ['-sm', repo], { encoding: 'utf8' }), 10);
  makeExt4(image, Math.ceil(used * 1.2) + room, { folder: repo });
  rmSync(repo, { recursive: true });
}

function initrdEntries(): CpioEntry[] {
  const file = (path: string, content: Uint8Array): CpioEntry => ({
    kind: 'file',
    path,
    mode: 0o755,
    content,
  });
  return [
    file('init', Buffer.from(init)),
    file('bin/busybox', readFileSync('/bin/busybox')),
    ...programs.map((name): CpioEntry => ({ kind: 'link', path: `bin/${name}`, target: 'busybox' })),
    ...modules.map((name) => file(`${name}.ko`, readFileSync(`build/kernel/modules/${name}.ko`))),
    ...['proc', 'dev', 'root'].map((path): CpioEntry => ({ kind: 'folder', path, mode: 0o755 })),
  ];
}
