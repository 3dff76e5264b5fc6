import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  createReadStream,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import small from '../../../layouts/disks/small.json' with { type: 'json' };
import { convertedImage } from '../../helpers/converted-image.ts';
import { firmwareArguments, newVariables, startTpm } from '../../helpers/firmware.ts';
import { type MachineKit, makeMachineKit } from '../../helpers/machine-kit.ts';
import { Machine } from '../../helpers/vm.ts';

// A live medium: made twice with the same bytes, boots under Secure Boot, installs a machine without a hand on it. It leaves
// an installed machine alone, and doesn't boot when somebody changed it.

let kit: MachineKit;
let medium: string;
let live: string;

test.before(async (t) => {
  t.timeout(10 * 60_000);
  mkdirSync('build/vm', { recursive: true });
  kit = await makeMachineKit(mkdtempSync('build/vm/livecd-'));
  const repository = `zot:${resolve(kit.folder, 'repository')}`;
  const parts = [
    '--kernel',
    'build/kernel',
    '--preinit',
    'build/preinit',
    '--command-line',
    'console=ttyS0 panic=-1',
  ];
  const bootkit = join(kit.folder, 'bootkit');
  await kit.command('mosb', 'bootkit', 'build', ...parts, 'vm', bootkit);
  const install = await kit.publish({
    ...{ name: 'machine/install:1', image: '1-console', version: '1.0.0', release: 1, repository },
    bootkit: `oci:${resolve(bootkit, 'image')}:bootkit`,
  });
  live = await publishLive(repository, 'install');
  const make = async (name: string): Promise<string> => {
    const file = join(kit.folder, name);
    await kit.command(
      'mosb',
      'mkboot',
      '--cdrom',
      '--enrol',
      ...parts,
      '--add',
      install,
      'vm:default',
      live,
      file,
    );
    return file;
  };
  medium = await make('live.iso');
  const again = await make('again.iso');
  execFileSync('cmp', [medium, again]);
  rmSync(again);
});
test.after.always(() => kit && rmSync(kit.folder, { recursive: true }));

/** A manifest that has nothing but the root of a live system. */
async function publishLive(repository: string, action: string): Promise<string> {
  const source = await convertedImage({ name: 'livecd', tag: action });
  const file = join(kit.folder, 'live.yaml');
  const target = `{service_name: livecd, source: "${source}", version: 1.0.0, service_type: fs-only, nsgroup: none}`;
  writeFileSync(
    file,
    `version: 1\nproduct: default\nupdate_type: complete\nstorage: []\ntargets:\n  - ${target}\n`,
  );
  const place = ['--project', 'vm:default', '--repo', repository, '--name', 'machine/live:1'];
  await kit.command('mosb', 'manifest', 'publish', ...place, file);
  return `${repository}:machine/live:1`;
}

/** A disk with these files, and the label by which a live system finds it. */
function makeSeed(label: string, files: Readonly<Record<string, string>>): string {
  const image = join(kit.folder, `${label}.img`);
  writeFileSync(image, '');
  truncateSync(image, 4 * 1024 * 1024);
  execFileSync('mkfs.vfat', ['-n', label, image], { stdio: 'ignore' });
  for (const [name, text] of Object.entries(files))
    execFileSync('mcopy', ['-i', image, '-', `::/${name}`], { input: text });
  return image;
}

/** A disc in a drive, or the same bytes on a disk. */
const disc = (file: string): string[] => [
  ...[
    '-device',
    'virtio-scsi-pci',
    '-drive',
    `file=${file},if=none,id=disc,media=cdrom,readonly=on,format=raw`,
  ],
  ...['-device', 'scsi-cd,drive=disc,bootindex=0'],
];
const stick = (file: string): string[] => [
  ...['-drive', `file=${file},if=none,id=stick,readonly=on,format=raw`],
  ...['-device', 'virtio-blk-pci,drive=stick,bootindex=0'],
];
const seed = (file: string): string[] => ['-drive', `file=${file},if=virtio,format=raw,readonly=on`];

function emptyDisk(name: string): string {
  const disk = join(kit.folder, name);
  writeFileSync(disk, '');
  truncateSync(disk, 2600 * 1024 * 1024);
  return disk;
}

function power(t: ExecutionContext, disk: string, variables: string, ...qemu: string[]): Machine {
  const machine = new Machine({ disk, firmware: firmwareArguments(variables), qemu, reboots: true });
  t.teardown(() => machine.stop());
  return machine;
}

async function hashOf(file: string): Promise<string> {
  const hasher = createHash('sha256');
  for await (const chunk of createReadStream(file)) hasher.update(chunk);
  return hasher.digest('hex');
}

test.serial(
  'a machine with an empty disk and firmware in setup mode is installed without a hand on it, and a live medium leaves it alone then',
  async (t) => {
    t.timeout(20 * 60_000);
    const disk = emptyDisk('machine.img');
    const variables = join(kit.folder, 'variables.fd');
    newVariables(variables);
    const instData = makeSeed('inst-data', {
      'url.txt': 'zot:/run/mos/medium/oci:machine/install:1\n',
      'layout.json': JSON.stringify(small),
    });
    const sudi = JSON.parse(await kit.command('trust', 'sudi', 'add', '--json', 'vm', 'default', 'SN0001'));
    const text = (name: string): string => readFileSync(join(sudi.path, name), 'utf8');
    const trustData = makeSeed('trust-data', {
      'cert.pem': text('cert.pem'),
      'privkey.pem': text('privkey.pem'),
    });
    // The disc is asked after the entries that the install makes.
    const drive = disc(medium).map((word) => word.replace(',bootindex=0', ''));
    const tpm = await startTpm(t, join(kit.folder, 'tpm'));
    const machine = power(t, disk, variables, ...tpm, ...drive, ...seed(instData), ...seed(trustData));
    await machine.waitFor(/mos: live system 1\.0\.0 of zot:/, 'the live system', 600);
    await machine.waitFor(/installed successfully/, 'the end of the install', 600);
    await machine.login('mos', 600);
    t.is(await machine.run('od -An -t u1 /sys/firmware/efi/efivars/SecureBoot-*'), '   6   0   0   0   1\n');
    const status = JSON.parse(await machine.run('mosctl status --json'));
    t.like(status, {
      running: { generation: 1 },
      productOrigin: 'sudi',
      protection: { secrets: 'released' },
    });
    t.regex(machine.console, /provisioned successfully.*, encrypted\n/s);
    await machine.run('sync');
    await machine.stop();

    const before = await hashOf(disk);
    const visited = power(
      t,
      disk,
      variables,
      ...(await startTpm(t, join(kit.folder, 'tpm'))),
      ...disc(medium),
    );
    await visited.waitFor(/mos: live system 1\.0\.0 of zot:/, 'the live system', 600);
    await visited.waitFor(/there is no disk with the label inst-data.*XXX FAIL XXX/s, 'the refusal', 600);
    await visited.stop();
    t.is(await hashOf(disk), before);

    // Somebody changes the medium: one byte of a layer, which Linux finds; one of the boot file, which the firmware finds.
    const layer = power(t, emptyDisk('empty.img'), variables, ...stick(changed('layer.iso', firstLayer())));
    await layer.waitFor(/verity.*corrupted/, 'the refusal of the layer', 600);
    await layer.stop();
    t.notRegex(layer.console, /login:/);
    const file = power(t, emptyDisk('empty.img'), variables, ...stick(changed('file.iso', bootFile())));
    await file.waitFor(/Access Denied|Security Violation/i, 'the refusal of the boot file', 600);
    await file.stop();
    t.notRegex(file.console, /Linux version/);
  },
);

/** The biggest blob of the live system, at its front, which is read when it is mounted. */
function firstLayer(): number {
  const blobs = join(kit.folder, 'repository/mos/blobs/sha256');
  const digests = layersOf(live);
  const [name = ''] = digests.toSorted(
    (a, b) => statSync(join(blobs, b)).size - statSync(join(blobs, a)).size,
  );
  return find(readFileSync(join(blobs, name)).subarray(0, 4096)) + 8;
}

function layersOf(reference: string): string[] {
  const text = execFileSync('build/mosb', ['manifest', 'inspect', '--json', reference], { encoding: 'utf8' });
  const [target] = JSON.parse(text).manifest.targets;
  const blobs = join(kit.folder, 'repository/mos/blobs/sha256');
  const image = JSON.parse(readFileSync(join(blobs, target.digest.slice(7)), 'utf8'));
  return image.layers.map((one: { digest: string }) => one.digest.slice(7));
}

/** In the middle of the partition with the boot file, which fills most of it. */
function bootFile(): number {
  const text = execFileSync('xorriso', ['-indev', medium, '-find', '/efi.img', '-exec', 'report_lba'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [, block, , bytes] = /File data lba:\s*0 ,\s*(\d+) ,\s*(\d+) ,\s*(\d+)/.exec(text) ?? [];
  return Number(block) * 2048 + Math.floor(Number(bytes) / 2);
}

function find(bytes: Uint8Array): number {
  const at = readFileSync(medium).indexOf(bytes);
  if (at < 0) throw new Error('the medium lacks the layer');
  return at;
}

/** A copy of the medium with one bit changed. */
function changed(name: string, at: number): string {
  const copy = join(kit.folder, name);
  copyFileSync(medium, copy);
  const file = openSync(copy, 'r+');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, at);
  writeSync(file, Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, at);
  closeSync(file);
  return copy;
}
