import { X509Certificate } from 'node:crypto';
import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { renderLoadOption } from '../../pkg/esp/index.ts';
import { refused } from '../helpers/attacks.ts';
import { setVariable, vendors, wide } from '../helpers/efi-variables.ts';
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

// What nobody signs and a machine reads all the same: variables of its firmware, which root of the running machine sets, and
// strings in the firmware's tables, which whoever has its flash does. Under Secure Boot.

let kit: MachineKit;

test.before(async () => {
  kit = await makeVmKit('variables');
});
test.after.always(() => kit && rmSync(kit.folder, { recursive: true }));

const attack = 'hostile variables and kernel arguments';

/** A file for systemd to make, a command line for the stub, and a text of QEMU's for the login prompt. */
const strings = [
  '-smbios',
  [
    'type=11',
    'value=io.systemd.credential:tmpfiles.extra=f /etc/planted 0644 root root - planted',
    'value=io.systemd.stub.kernel-cmdline-extra=mos.planted init=/bin/sh',
  ].join(','),
  ...['-fw_cfg', 'name=opt/io.systemd.credentials/login.issue,string=planted'],
];

type Made = { readonly machine: Machine; readonly root: string; readonly disk: string };

/** A machine of one generation, with those strings. */
async function start(t: ExecutionContext, name: string, words: readonly string[]): Promise<Made> {
  const bootkit = await buildBootkit(kit, `bootkit-${name}`, { words });
  const repository = `zot:${resolve(kit.folder, `repository-${name}`)}`;
  const common = { name: 'machine/install:1', version: '1.0.0', release: 1, repository };
  const reference = await kit.publish({ ...common, image: '1-console', bootkit: imageOf(bootkit) });
  const root = await installWithEsp(kit, reference, name);
  copyFileSync('/usr/lib/systemd/boot/efi/systemd-bootx64.efi', join(espOf(root), 'EFI/mos/unsigned.efi'));
  newFirmware(kit);
  const disk = kit.disk(root, `${name}.img`, espOf(root));
  const machine = powerOn(kit, disk, { qemu: strings });
  t.teardown(() => machine.stop());
  await machine.login('mos', 600);
  return { machine, root, disk };
}

const planted = 'cat /etc/planted; ls /etc/issue.d/50-provision.conf /run/credentials/@system';

test.serial(
  'strings of the firmware make files of a machine whose command line was signed to take them',
  async (t) => {
    t.timeout(20 * 60_000);
    const { machine } = await start(t, 'open', ['systemd.import_credentials=yes']);
    t.regex(await machine.run(planted, { accept: [0, 2] }), /^planted\n?/);
    await machine.stop();
  },
);

const words = 'systemd.debug_shell=1 systemd.mask=mos-boot-complete.service';

/** EFI_SIGNATURE_LIST with one certificate (UEFI 2.10, 32.4.1). */
function signatureList(certificate: Buffer): Buffer {
  const head = Buffer.from('a159c0a5e494a74a87b5ab155c2bf072000000000000000000000000', 'hex');
  head.writeUInt32LE(head.length + 16 + certificate.length, 16);
  head.writeUInt32LE(16 + certificate.length, 24);
  return Buffer.concat([head, Buffer.alloc(16), certificate]);
}

/** What a variable of the firmware says, without its attributes. */
async function valueNow(machine: Machine, name: string): Promise<Buffer> {
  const file = `/sys/firmware/efi/efivars/${name}-${vendors.global}`;
  return Buffer.from(await machine.run(`base64 -w 0 ${file}`), 'base64').subarray(4);
}

/** A boot entry of the firmware for another file on the partition of the first one. */
async function entryFor(machine: Machine, path: string, more: Buffer = Buffer.of()): Promise<Buffer> {
  const first = (await valueNow(machine, 'BootOrder')).readUInt16LE(0);
  const option = await valueNow(machine, `Boot${first.toString(16).toUpperCase().padStart(4, '0')}`);
  const drive = option.indexOf(Buffer.of(4, 1, 42, 0));
  const partition = {
    number: option.readUInt32LE(drive + 4),
    first: Number(option.readBigUInt64LE(drive + 8)),
    sectors: Number(option.readBigUInt64LE(drive + 16)),
    id: option.subarray(drive + 24, drive + 40),
  };
  return Buffer.concat([renderLoadOption({ description: 'planted', partition, path }), more]);
}

const signed =
  /^console=ttyS0 panic=-1 no_timer_check systemd\.watchdog_sec=60 closed systemd\.import_credentials=no\n$/;
const noFiles =
  /^cat: \/etc\/planted: No such file or directory\nls: cannot access '\/etc\/issue.d\/50-provision.conf': No such file or directory\nls: cannot access '\/run\/credentials\/@system': No such file or directory\n$/;

test.serial('variables and strings of the firmware change nothing of what a machine runs', async (t) => {
  t.timeout(40 * 60_000);
  const { machine } = await start(t, 'closed', ['closed']);
  const line = () => machine.run('cat /proc/cmdline');
  refused(
    t,
    attack,
    'SMBIOS strings and QEMU settings with credentials for systemd',
    await machine.run(planted, { accept: [2] }),
    noFiles,
  );
  refused(t, attack, 'an SMBIOS string with a command line for the stub', await line(), signed);

  await machine.run('systemctl start mos-boot-complete.service');
  await kit.command('trust', 'keyset', 'add', '--key-type', 'rsa', 'other');
  const certificate = readFileSync(join(kit.folder, 'share/machine/trust/keys/other/uefi-db/cert.pem'));
  await setVariable(machine, 'shim', 'MokListRT', signatureList(new X509Certificate(certificate).raw));
  await setVariable(machine, 'systemd', 'SystemdOptions', wide(words));
  await setVariable(machine, 'loader', 'LoaderEntryOneShot', wide('planted.conf'));
  await setVariable(machine, 'loader', 'LoaderEntryDefault', wide('planted*'));
  await setVariable(machine, 'loader', 'LoaderConfigTimeout', wide('menu-force'));
  const bootFile = (await machine.run('ls /boot/efi/EFI/mos'))
    .split('\n')
    .find((name) => /^[0-9a-f]{64}/.test(name));
  await setVariable(machine, 'global', 'Boot0666', await entryFor(machine, '\\EFI\\mos\\unsigned.efi'));
  await setVariable(
    machine,
    'global',
    'Boot0667',
    await entryFor(machine, `\\EFI\\mos\\${bootFile}`, wide(`${words} init=/bin/sh`)),
  );
  const kept = `ls /sys/firmware/efi/efivars | grep -E '^Loader(EntryDefault|ConfigTimeout)-'`;
  t.is((await machine.run(kept)).split('\n').length, 3);
  const order = await valueNow(machine, 'BootOrder');
  await setVariable(machine, 'global', 'BootOrder', Buffer.of(0x66, 0x06, 0x67, 0x06));
  machine.type('systemctl reboot');
  const said = await machine.waitFor(/Linux version/, 'the next start', 300);
  refused(
    t,
    attack,
    'Boot0666 names a program that nobody signed',
    said,
    /.*(Access Denied|Security Violation).*/i,
  );
  await machine.login('mos', 600);
  for (const name of ['LoaderEntryDefault', 'LoaderConfigTimeout'])
    refused(
      t,
      attack,
      `${name} chooses for all boots to come`,
      machine.console,
      new RegExp(`mos: warning: removed: ${name}, by which somebody chose for all boots to come`),
    );
  t.is(await machine.run(kept, { accept: [1] }), '');
  refused(t, attack, 'Boot0667 starts the boot file itself, with a command line', await line(), signed);
  refused(
    t,
    attack,
    `SystemdOptions=${words}`,
    await machine.run(
      'systemctl show -P ActiveState debug-shell.service; systemctl show -P LoadState mos-boot-complete.service',
    ),
    /^inactive\nloaded\n$/,
  );
  // This one has an effect: the kernel takes the certificate for one of the machine's owner. No shim is here to own the variable.
  t.regex(await machine.run('dmesg | grep MokListRT'), /Loading X\.509 certificate: UEFI:MokListRT/);

  // No boot loader has said in this boot which entry it took, so somebody can say it for all that come.
  await setVariable(machine, 'loader', 'LoaderEntrySelected', wide('mos-9.conf'));
  await setVariable(machine, 'global', 'BootOrder', order);
  machine.type('systemctl reboot');
  await machine.login('mos', 600);
  refused(
    t,
    attack,
    'LoaderEntrySelected, kept by the firmware, names another entry',
    machine.console,
    /mos: warning: removed: LoaderEntrySelected, by which somebody chose for all boots to come/,
  );
  t.like(JSON.parse(await machine.run('mosctl status --json')), { running: { generation: 1 } });
});
