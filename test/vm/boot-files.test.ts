import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Attack, attacksFile, refused } from '../helpers/attacks.ts';
import {
  buildBootkit,
  espOf,
  imageOf,
  installWithEsp,
  newFirmware,
  powerOn,
} from '../helpers/firmware-machine.ts';
import { type MachineKit, makeVmKit } from '../helpers/machine-kit.ts';
import type { Machine } from '../helpers/vm.ts';

// Somebody writes to the ESP, which nothing encrypts: the firmware refuses what the vendor has not signed, the initrd what it
// has signed for another generation.

let kit: MachineKit;

test.before(async () => {
  kit = await makeVmKit('boot-files');
});
test.after.always(() => kit && rmSync(kit.folder, { recursive: true }));

const signedLine =
  /^console=ttyS0 panic=-1 no_timer_check systemd\.watchdog_sec=60 mos-test-two systemd\.import_credentials=no\n$/;
const evil = '/EFI/mos/evil.cpio';
const isForTable = process.env[attacksFile] !== undefined;

/** Generations 1 and 2, the second with a higher security version; each has a boot file of its own. */
async function makeGenerations(): Promise<{ root: string; bootkits: readonly string[] }> {
  const bootkits = [
    await buildBootkit(kit, 'bootkit-1'),
    await buildBootkit(kit, 'bootkit-2', { words: ['mos-test-two'] }),
  ];
  const repository = `zot:${resolve(kit.folder, 'repository')}`;
  const publish = (release: number) =>
    kit.publish({
      ...{ name: `machine/install:${release}`, version: `${release}.0.0`, release, repository },
      ...{
        image: '1-console',
        bootkit: imageOf(bootkits[release - 1] as string),
        securityVersion: release - 1,
      },
    });
  const root = await installWithEsp(kit, await publish(1));
  await kit.command('mosctl', 'update', '-r', root, await publish(2));
  return { root, bootkits };
}

/** The boot file that an entry names, as a path on the ESP. */
function bootFileOf(root: string, generation: number): string {
  const entries = join(espOf(root), 'loader/entries');
  const name = readdirSync(entries).find((one) => one.startsWith(`mos-${generation}`)) ?? '';
  return /^efi\s+(\S+)$/m.exec(readFileSync(join(entries, name), 'utf8'))?.[1] ?? '';
}

/** What lies beside the boot file, and what an entry says beside its name, changes nothing. */
function plantBeside(root: string): void {
  const esp = espOf(root);
  const beside = join(esp, `${bootFileOf(root, 2)}.extra.d`);
  mkdirSync(beside);
  mkdirSync(join(esp, 'loader/credentials'));
  for (const file of [join(beside, 'evil.cred'), join(esp, 'loader/credentials/global.cred')])
    writeFileSync(file, 'of somebody else');
  writeFileSync(join(esp, evil), 'no archive');
  const [entry = ''] = readdirSync(join(esp, 'loader/entries')).filter((name) => name.startsWith('mos-2'));
  const file = join(esp, 'loader/entries', entry);
  writeFileSync(file, `${readFileSync(file, 'utf8')}options rdinit=/bin/sh mos.verity=off\ninitrd ${evil}\n`);
}

async function runsWhatWasSigned(t: ExecutionContext, machine: Machine): Promise<void> {
  refused(
    t,
    'side files beside a good UKI',
    'credentials in *.efi.extra.d and loader/credentials',
    machine.console,
    /mos: left out: .* from beside the boot file, which nobody signed/,
  );
  t.is(await machine.run('ls -A /run/credentials/@system /.extra 2>/dev/null', { accept: [2] }), '');
  const line = await machine.run('cat /proc/cmdline');
  refused(
    t,
    'edited command line',
    'options rdinit=/bin/sh in the boot entry; the line is the signed one',
    line,
    signedLine,
  );
  t.regex(machine.console, /mos: generation 2, hostfs 2\.0\.0\n/);
  refused(
    t,
    'swapped initrd',
    'another initrd named by the boot entry; the line names none',
    line,
    signedLine,
  );
}

type Change = {
  readonly attack: Attack;
  readonly how: string;
  /** Paths on the ESP, and the files that come there; without one the path goes. */
  readonly files: Readonly<Record<string, string | undefined>>;
  readonly by: RegExp;
  /** Another test makes it too: here it is made for the table alone. */
  readonly isMadeElsewhere?: boolean;
};

/** By the firmware, whose word is the boot loader's. */
const byFirmware = /.*(Access Denied|Security Violation).*/i;

function changes(folder: string, image: string, root: string): Change[] {
  const at = (name: string): string => join(folder, name);
  const bootFile = bootFileOf(root, 2);
  const write = (name: string, content: string | Uint8Array): string => {
    writeFileSync(at(name), content);
    return at(name);
  };
  const flipped = Buffer.from(readFileSync(image));
  flipped.writeUInt8(flipped.readUInt8(40_000_000) ^ 1, 40_000_000);
  copyFileSync(image, at('unsigned.efi'));
  execFileSync('sbattach', ['--remove', at('unsigned.efi')], { stdio: 'ignore' });
  const entry = (version: number, lines: string): string =>
    write(`entry-${version}-${lines.length}`, `title mos\nversion ${version}\nsort-key mos\n${lines}\n`);
  const initrd = ['--update-section', `.initrd=${write('evil.cpio', 'no archive')}`];
  execFileSync('objcopy', [...initrd, image, at('initrd.efi')], { stdio: 'ignore' });
  return [
    {
      attack: 'unsigned UKI',
      how: 'the signature is taken off',
      files: { [bootFile]: at('unsigned.efi') },
      by: byFirmware,
      isMadeElsewhere: true,
    },
    {
      attack: 'UKI signed by another keyset',
      how: 'signed again with uki-production of another keyset',
      files: { [bootFile]: at('other.efi') },
      by: byFirmware,
    },
    {
      attack: 'one flipped bit in a UKI',
      how: 'in the initrd, 40 MB behind its begin',
      files: { [bootFile]: write('flipped.efi', flipped) },
      by: byFirmware,
      isMadeElsewhere: true,
    },
    {
      attack: 'swapped initrd',
      how: 'another .initrd section in the signed file',
      files: { [bootFile]: at('initrd.efi') },
      by: byFirmware,
    },
    {
      attack: 'replaced entry file',
      how: "an entry that starts Debian's kernel, with an initrd of somebody else",
      files: {
        '/EFI/mos/vmlinuz': 'build/kernel/vmlinuz',
        '/loader/entries/mos-2.conf': entry(
          2,
          `linux /EFI/mos/vmlinuz\ninitrd ${evil}\noptions console=ttyS0`,
        ),
      },
      by: byFirmware,
    },
  ];
}

async function attacked(t: ExecutionContext, disk: string, variables: string, change: Change): Promise<void> {
  const { attack, how, files, by } = change;
  const changed = join(kit.folder, 'changed.img');
  execFileSync('cp', ['--sparse=always', disk, changed]);
  copyFileSync(variables, `${changed}.fd`);
  const drive = ['-i', `${changed}@@${1024 * 1024}`];
  for (const [path, from] of Object.entries(files))
    if (from === undefined) execFileSync('mdel', [...drive, `::${path}`]);
    else execFileSync('mcopy', ['-o', ...drive, from, `::${path}`]);
  const machine = powerOn(kit, changed, { variables: `${changed}.fd`, reboots: false });
  t.teardown(() => machine.stop());
  await machine.waitFor(by, `what refuses ${attack}`).catch(() => {});
  await machine.stop();
  t.notRegex(machine.console, /login:/);
  if (by === byFirmware) t.notRegex(machine.console, /Linux version/);
  refused(t, attack, how, machine.console, by);
}

test('what somebody writes to the ESP is refused by the firmware, by the initrd, or has no effect', async (t) => {
  t.timeout(40 * 60_000);
  const { root, bootkits } = await makeGenerations();
  plantBeside(root);
  const variables = newFirmware(kit);
  const disk = kit.disk(root, 'machine.img', espOf(root));
  const machine = powerOn(kit, disk);
  t.teardown(() => machine.stop());
  await machine.login('mos', 600);
  await runsWhatWasSigned(t, machine);
  await machine.run('systemctl start mos-boot-complete.service; sync; umount /boot/efi');
  await machine.stop();

  await kit.command('trust', 'keyset', 'add', '--key-type', 'ecdsa', 'other');
  const all = changes(kit.folder, join(bootkits[1] as string, 'uki-production.efi'), root);
  const keys = join(kit.folder, 'share/machine/trust/keys/other/uki-production');
  const key = ['--key', join(keys, 'privkey.pem'), '--cert', join(keys, 'cert.pem')];
  await kit.command(
    'trust',
    'sign',
    'efi',
    ...key,
    '--output',
    join(kit.folder, 'other.efi'),
    join(kit.folder, 'unsigned.efi'),
  );
  for (const change of all)
    if (isForTable || change.isMadeElsewhere !== true) await attacked(t, disk, variables, change);
});
