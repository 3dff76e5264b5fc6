import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { lockState, openState } from '../../pkg/state/index.ts';
import { type Attack, refused } from '../helpers/attacks.ts';
import { type MachineKit, makeVmKit } from '../helpers/machine-kit.ts';
import { raiseFloor } from '../helpers/raise-floor.ts';
import { Machine, type MachineOptions } from '../helpers/vm.ts';

// Machines whose disk or kernel command line somebody changed by hand: each ends in a message and a reboot, none comes to a
// login prompt; what has no effect is shown in a machine that runs.

let kit: MachineKit;
/** Generation 1 runs; generation 2, with a higher security version, was installed beside it. */
let root: string;

test.before(async () => {
  kit = await makeVmKit('refusals');
  const { folder } = kit;
  root = kit.newRoot('root');
  const repository = `zot:${join(folder, 'repository')}`;
  const common = { image: '1-console', repository };
  const first = { ...common, name: 'machine/install:1', version: '1.0.0', release: 1 };
  await kit.command('mosctl', 'install', '-r', root, await kit.publish(first));
});

test.after.always(() => kit && rmSync(kit.folder, { recursive: true }));

/** A copy of the installed root directory to change; its layers are links until they are replaced. */
function copyOfRoot(name: string): string {
  const copy = join(kit.folder, name);
  mkdirSync(copy);
  execFileSync('cp', ['-al', join(root, 'atomfs-cache'), join(root, 'scratch-writes'), copy]);
  cpSync(join(root, 'config'), join(copy, 'config'), { recursive: true });
  return copy;
}

type More = Pick<MachineOptions, 'append' | 'qemu' | 'snapshot'>;

/** Boots a disk with this content; it must say so, reboot, and never ask for a login. */
async function refuses(
  t: ExecutionContext,
  attack: Attack,
  changed: string,
  message: RegExp,
  more: (disk: string) => More = () => ({}),
): Promise<void> {
  const disk = kit.disk(changed, `${t.title.replaceAll(/\W+/g, '-')}.img`);
  const machine = new Machine({ kernel: kit.kernel, initrd: kit.initrd, disk, ...more(disk) });
  t.teardown(() => machine.stop());
  await machine.waitForEnd();
  t.notRegex(machine.console, /login:/);
  refused(t, attack, t.title, machine.console, message);
}

const git = (changed: string, ...args: string[]): string =>
  execFileSync(
    'git',
    ['-C', join(changed, 'config/manifest.git'), '-c', 'user.name=m', '-c', 'user.email=m@m', ...args],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  ).trim();

/** What is in the work tree takes the place of generation 1, in every way git knows it. */
function replaceGeneration(changed: string): void {
  git(changed, 'add', '--all');
  git(changed, 'commit', '--amend', '--no-edit', '--allow-empty');
  git(changed, 'update-ref', 'refs/mos/current', 'HEAD');
  git(changed, 'tag', '--force', 'generation-1');
}

test.serial('a commit that alters manifest.yaml does not boot', async (t) => {
  const changed = copyOfRoot('manifest');
  const file = join(changed, 'config/manifest.git/manifest.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace('"hostfs"', '"rootfs"'));
  replaceGeneration(changed);
  await refuses(
    t,
    'edited /config on a disk taken out',
    changed,
    /mos: cannot use manifest\.yaml: it lacks hostfs of [0-9a-f]{64}\.yaml\n/,
  );
});

test.serial('a commit that alters a signed file, and its names, does not boot', async (t) => {
  const changed = copyOfRoot('signed');
  const folder = join(changed, 'config/manifest.git');
  const old = readdirSync(folder)
    .find((name) => /^[0-9a-f]{64}\.yaml$/.test(name))
    ?.slice(0, 64) as string;
  const bytes = readFileSync(join(folder, `${old}.yaml`), 'utf8').replace('"release":1', '"release":9');
  writeFileSync(join(folder, `${old}.yaml`), bytes);
  const sha = createHash('sha256').update(bytes).digest('hex');
  for (const end of ['yaml', 'yaml.signed', 'pem'])
    renameSync(join(folder, `${old}.${end}`), join(folder, `${sha}.${end}`));
  const system = readFileSync(join(folder, 'manifest.yaml'), 'utf8');
  writeFileSync(join(folder, 'manifest.yaml'), system.replaceAll(old, sha));
  replaceGeneration(changed);
  await refuses(
    t,
    'edited /config on a disk taken out',
    changed,
    /mos: cannot trust generation 1, [0-9a-f]{64}\.yaml: .*\n/,
  );
});

test.serial('an older commit put back by hand does not boot below the floor', async (t) => {
  const changed = copyOfRoot('floor');
  const state = openState(join(process.cwd(), changed, 'config'));
  await using lock = await lockState(linuxHost, state, { wait: 0, owner: 'test' });
  await raiseFloor(linuxHost, lock, 1);
  await refuses(
    t,
    'older signed UKI with a newer floor',
    changed,
    /mos: cannot use generation 1: its security version is 0, this machine requires 1\n/,
  );
});

test.serial('a missing layer does not boot', async (t) => {
  const changed = copyOfRoot('missing');
  rmSync(biggestBlob(changed));
  await refuses(t, 'store blob swapped', changed, /mos: cannot mount hostfs: .*\n/);
});

const biggestBlob = (changed: string): string => blobsBySize(changed)[0] as string;

function blobsBySize(changed: string): string[] {
  const blobs = join(changed, 'atomfs-cache/mos/blobs/sha256');
  return execFileSync('ls', ['-S', blobs], { encoding: 'utf8' })
    .split('\n')
    .map((name) => join(blobs, name));
}

test.serial('two layers that take the place of each other do not boot', async (t) => {
  const changed = copyOfRoot('swapped');
  const [one = '', two = ''] = blobsBySize(changed);
  renameSync(one, `${one}.moved`);
  renameSync(two, one);
  renameSync(`${one}.moved`, two);
  await refuses(t, 'store blob swapped', changed, /mos: cannot mount hostfs: .*/);
});

test.serial('a removable disk with the same partitions stops the boot', async (t) => {
  await refuses(
    t,
    'a USB disk with partitions of the same types',
    copyOfRoot('two-disks'),
    /mos: cannot choose the disk of this machine: sda and vda look alike/,
    (disk) => ({
      snapshot: true,
      qemu: [
        ...['-drive', `if=none,id=usb,format=raw,snapshot=on,file=${disk}`, '-device', 'virtio-scsi-pci'],
        ...['-device', 'scsi-hd,drive=usb,removable=on'],
      ],
    }),
  );
});

test.serial('an argument of the kernel that would switch a check off stops the boot', async (t) => {
  await refuses(
    t,
    'hostile variables and kernel arguments',
    copyOfRoot('argument'),
    /mos: cannot use "mos\.verity=off" of the kernel command line/,
    () => ({ append: ['mos.verity=off'] }),
  );
});

const hostile = [
  ...['BUN_BE_BUN=1', 'BUN_OPTIONS=--preload=/config/evil.js', 'NODE_OPTIONS=--require=/config/evil.js'],
  ...['LD_PRELOAD=/config/evil.so', 'PATH=/config', 'init=/bin/sh'],
];

test.serial(
  'variables, files of /config and an upper directory that somebody planted have no effect',
  async (t) => {
    const changed = copyOfRoot('planted');
    const plant = (path: string, text: string) => {
      mkdirSync(dirname(join(changed, path)), { recursive: true });
      writeFileSync(join(changed, path), text);
    };
    plant('config/evil.js', 'require("fs").writeSync(2, "evil ran\\n")');
    plant('config/etc/planted', '');
    plant('config/etc/systemd/system/evil.service', '[Service]\nExecStart=/bin/echo evil ran\n');
    for (const upper of ['molecules/hostfs/upper', 'upper', 'hostfs/upper'])
      plant(`scratch-writes/${upper}/etc/planted`, '');
    const disk = kit.disk(changed, 'planted.img');
    const machine = new Machine({ kernel: kit.kernel, initrd: kit.initrd, disk, append: hostile });
    t.teardown(() => machine.stop());
    await machine.login('mos');
    t.regex(machine.console, /mos: generation 1, hostfs 1\.0\.0\n/);
    t.notRegex(machine.console, /evil ran/);
    refused(
      t,
      'hostile variables and kernel arguments',
      `the kernel is given ${hostile.join(' ')}`,
      await machine.run("tr '\\0' '\\n' </proc/1/environ; tr '\\0' '\\n' </proc/1/cmdline"),
      /^TERM=linux\n\/sbin\/init\n$/,
    );
    refused(
      t,
      'a planted upper directory',
      'files in uppers on scratch, and in /config/etc',
      await machine.run('ls /etc/planted /etc/systemd/system/evil.service', { accept: [2] }),
      /^(ls: cannot access '\S+': No such file or directory\n){2}$/,
    );
  },
);

test.serial('a flipped byte in a block that is read before the login does not boot', async (t) => {
  const at = await blockReadByInit(t);
  const changed = copyOfRoot('flipped');
  const blob = biggestBlob(changed);
  const bytes = readFileSync(blob);
  rmSync(blob);
  bytes.writeUInt8(bytes.readUInt8(at + 77) ^ 1, at + 77);
  writeFileSync(blob, bytes);
  await refuses(
    t,
    'store blob swapped',
    changed,
    /device-mapper: verity: \S+ has corrupted data|verity device corrupted/,
  );
});

/** Boots what nobody changed, and lets the kernel tell which block of the biggest layer init asks for first. */
async function blockReadByInit(t: ExecutionContext): Promise<number> {
  const disk = kit.disk(root, 'untouched.img');
  const trace = ['trace_event=block:block_bio_queue', 'trace_buf_size=4M'];
  const machine = new Machine({ kernel: kit.kernel, initrd: kit.initrd, disk, append: trace });
  t.teardown(() => machine.stop());
  await machine.login('mos');
  const device = await machine.run(
    `cat /sys/block/$(basename $(dirname $(dirname $(grep -l ${biggestBlob(root).slice(-64)} /sys/block/dm-*/dm/name))))/dev`,
  );
  const numbers = device.trim().replace(':', ',');
  const line = await machine.run(
    `grep -m 1 '^ *\\(systemd\\|init\\)-1 .* ${numbers} R' /sys/kernel/tracing/trace`,
  );
  const sector = /R\S* (\d+) \+ \d+/.exec(line)?.[1];
  t.truthy(sector, line);
  return Number(sector) * 512;
}
