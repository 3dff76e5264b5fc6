import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import small from '../../layouts/disks/small.json' with { type: 'json' };
import { closedPcr7 } from '../../pkg/tpm/index.ts';
import { parseEventLog, replayPcr } from '../../pkg/trust/index.ts';
import { type Attack, refused } from '../helpers/attacks.ts';
import { makeToolsDisk } from '../helpers/encrypted-disk.ts';
import { firmwareArguments, makeEsp, newVariables, startTpm } from '../helpers/firmware.ts';
import { type MachineKit, makeVmKit } from '../helpers/machine-kit.ts';
import { startRegistry } from '../helpers/registries.ts';
import { commandLine, Machine } from '../helpers/vm.ts';

// Power-on to login under Secure Boot: firmware in setup mode, systemd-boot, a boot file of ours, dm-verity. Then with
// secrets: provisioned, installed on an encrypted disk, and unlocked by the production boot file on this machine alone.

let kit: MachineKit;

test.before(async () => {
  kit = await makeVmKit('secure');
});
test.after.always(() => kit && rmSync(kit.folder, { recursive: true }));

const secureBoot = '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';
const drive = (file: string) => ['-drive', `file=${file},if=virtio,format=raw,cache=unsafe`];

test('a machine with empty firmware enrols the keyset, is provisioned, and gives its secrets to what the vendor signed alone', async (t) => {
  t.timeout(45 * 60_000);
  const sudi = JSON.parse(await kit.command('trust', 'sudi', 'add', '--json', 'vm', 'default', 'SN0001'));
  const bootkit = join(kit.folder, 'bootkit');
  const parts = ['--kernel', 'build/kernel', '--preinit', 'build/preinit'];
  await kit.command('mosb', 'bootkit', 'build', ...parts, '--command-line', commandLine, 'vm', bootkit);
  const image = join(bootkit, 'uki-production.efi');
  const { budget } = JSON.parse(await kit.command('mosb', 'bootkit', 'inspect', '--json', image));
  type Line = { what: string; bytes: number; budget: number };
  t.deepEqual(
    (budget as Line[]).filter((line) => line.bytes > line.budget),
    [],
  );
  const registry = await startRegistry(t, { kind: 'docker' });
  await kit.publish({
    ...{ name: 'machine/install:1', image: '1-console', version: '1.0.0', release: 1 },
    ...{ repository: registry.host, bootkit: `oci:${resolve(bootkit, 'image')}:bootkit` },
  });
  const root = kit.newRoot('root');
  await kit.command('mosctl', 'install', '--plain-http', '-r', root, `${registry.host}/machine/install:1`);
  const files = join(kit.folder, 'esp');
  makeEsp(files, bootkit, [{ name: 'mos-1', title: 'mos 1', version: 1, image }]);
  const disk = kit.disk(root, 'machine.img', files);
  const variables = join(kit.folder, 'variables.fd');
  newVariables(variables);
  const encrypted = join(kit.folder, 'encrypted.img');
  writeFileSync(encrypted, '');
  truncateSync(encrypted, 2600 * 1024 * 1024);
  const tools = join(kit.folder, 'tools.img');
  makeToolsDisk(tools, {
    'cert.pem': join(sudi.path, 'cert.pem'),
    'key.pem': join(sudi.path, 'privkey.pem'),
  });

  const firmware = firmwareArguments(variables);
  const power = async (on: string, tpm: string, ...qemu: string[]): Promise<Machine> => {
    const chip = await startTpm(t, join(kit.folder, tpm));
    const machine = new Machine({ disk: on, firmware, qemu: [...chip, ...qemu], reboots: true });
    t.teardown(() => machine.stop());
    return machine;
  };
  const first = await power(disk, 'tpm', ...drive(encrypted), ...drive(tools));
  await first.login('mos');
  t.is(await first.run(`od -An -t u1 ${secureBoot}`), '   6   0   0   0   1\n');
  t.regex(await first.run('cat /sys/kernel/security/lockdown'), /\[integrity\]/);
  const plain = JSON.parse(await first.run('mosctl status --json'));
  t.like(plain, { running: { generation: 1 }, protection: { secrets: 'not provisioned', why: null } });
  // What was computed from the keys alone is what the firmware measured, and the initrd has closed it.
  const { production } = JSON.parse(await kit.command('trust', 'computePCR7', '--json', 'vm'));
  const log = Buffer.from(
    await first.run('base64 -w 0 /sys/kernel/security/tpm0/binary_bios_measurements'),
    'base64',
  );
  t.is(replayPcr(parseEventLog(log), 7).toString('hex'), production);
  t.is(toolsReplay(log), production);
  const measured = (await first.run('cat /sys/class/tpm/tpm0/pcr-sha256/7')).trim().toLowerCase();
  t.is(measured, closedPcr7(Buffer.from(production, 'hex')).toString('hex'));

  const mounts = ['dev', 'proc', 'sys', 'run'].map((name) => `mount --rbind /${name} /run/tools/${name}`);
  await first.run(['mkdir /run/tools', 'mount /dev/vdc /run/tools', ...mounts].join(' && '));
  const given = '/run/tools/given/cert.pem /run/tools/given/key.pem';
  t.regex(await first.run(`mosctl provision --plan ${given}`), /would make this the machine SN0001 /);
  t.regex(await first.run(`mosctl provision ${given}`), /provisioned successfully\n$/);
  t.regex(await first.run(`mosctl provision ${given}`, { accept: [8] }), /it is provisioned already/);
  await installEncrypted(t, first, `10.0.2.2:${registry.host.split(':')[1]}/machine/install:1`);
  await first.stop();

  const machine = await power(encrypted, 'tpm');
  await machine.login('mos');
  const status = JSON.parse(await machine.run('mosctl status --json'));
  t.like(status, { productOrigin: 'sudi', protection: { secrets: 'released', why: null } });
  t.regex(
    await machine.run('grep -E " /(config|atomfs-cache|scratch-writes) " /proc/mounts'),
    /^(\/dev\/(mapper|dm-)\S+ .*\n){3}$/,
  );
  t.is(await machine.run('stat -f -c %T /factory/secure'), 'tmpfs\n');
  t.is(
    await machine.run('stat -c "%a %n" /factory/secure/server.*'),
    '644 /factory/secure/server.crt\n600 /factory/secure/server.key\n',
  );
  t.is(
    (await machine.run('sha256sum </factory/secure/server.key')).slice(0, 64),
    createHash('sha256')
      .update(readFileSync(join(sudi.path, 'privkey.pem')))
      .digest('hex'),
  );
  // In the running machine the TPM gives nothing, whoever asks.
  const asked = await machine.run('mosctl initrd-setup --json', { accept: [7, 13] });
  t.regex(asked, /no policy was signed for PCR 7|there is no/);
  const receipt = await machine.run('mosctl receipt show');
  t.regex(receipt, /"payloadType": "application\/vnd.in-toto\+json"/);
  writeFileSync(join(kit.folder, 'receipt.json'), receipt);
  await kit.publish({
    ...{ name: 'machine/install:2', image: '1-console', version: '2.0.0', release: 2, securityVersion: 1 },
    ...{ repository: registry.host, bootkit: `oci:${resolve(bootkit, 'image')}:bootkit` },
  });
  await goBackByTicket(t, machine, `10.0.2.2:${registry.host.split(':')[1]}/machine/install:2`);
  await machine.stop();

  const esp = `${encrypted}@@${1024 * 1024}`;
  const bootFile = `::/EFI/mos/${createHash('sha256').update(readFileSync(image)).digest('hex')}.efi`;
  const attacked = async (names: readonly Attack[], how: string, why: RegExp, file: string, tpm: string) => {
    execFileSync('mcopy', ['-o', '-i', esp, file, bootFile]);
    const machine = await power(encrypted, tpm);
    await machine.waitFor(why, `the refusal ${why}`);
    await machine.stop();
    t.notRegex(machine.console, /login:/);
    for (const name of names) refused(t, name, how, machine.console, why);
    return machine.console;
  };
  // The limited boot file starts, and gets no secret; the production one gets none from the TPM of another machine.
  await attacked(
    ['UKI of the limited key'],
    'it takes the place of the production one',
    /cannot use machine-config \(\/dev\/vda2\): this boot file is signed for limited use/,
    join(bootkit, 'uki-limited.efi'),
    'tpm',
  );
  await attacked(
    ['TPM of another machine', 'disk moved to another machine'],
    'the disk of one machine and the TPM of another',
    /cannot use machine-config .*nothing in the TPM to unlock it/,
    image,
    'another-tpm',
  );
  // One bit of the initrd, in the boot file on the ESP.
  const changed = join(kit.folder, 'changed.efi');
  copyFileSync(image, changed);
  const file = openSync(changed, 'r+');
  const at = 40_000_000;
  writeSync(file, Buffer.of((readFileSync(changed)[at] ?? 0) ^ 1), 0, 1, at);
  closeSync(file);
  const bit: Attack = 'one flipped bit in a UKI';
  const said = await attacked(
    [bit],
    'in its initrd',
    /.*(Access Denied|Security Violation).*/i,
    changed,
    'tpm',
  );
  t.notRegex(said, /Linux version/);
});

/** On the second disk; the third one, mounted at /run/tools, has cryptsetup. */
async function installEncrypted(t: ExecutionContext, live: Machine, reference: string): Promise<void> {
  await live.run(
    'printf \'#!/bin/sh\\nexec chroot /run/tools cryptsetup "$@"\\n\' >/usr/sbin/cryptsetup; chmod 755 /usr/sbin/cryptsetup',
  );
  await live.run(`echo '${JSON.stringify(small)}' > /tmp/layout.json`);
  const install = `mosctl install --quiet --plain-http --layout /tmp/layout.json --disk vdb ${reference}`;
  const refusal = (words: string, code: number) =>
    live.run(`${install} ${words}`, { accept: [code], seconds: 600 });
  t.regex(await refusal('--unencrypted --yes', 9), /this machine is provisioned.*leave out --unencrypted/s);
  const file = '--recovery-file /run/mos/disk-passphrase --yes';
  t.regex(await refusal(file, 8), /cannot keep the recovery key in .*it is there already/);
  t.regex(await refusal('--plan', 0), /machine-config +67.1 MB +encrypted\n/);
  await live.run('cmp -n 1048576 /dev/vdb /dev/zero');
  const done = await live.run(`${install} --yes --json`, { seconds: 900 });
  const { recoveryKey } = JSON.parse(done);
  t.regex(recoveryKey, /^(\w{5}-){7}\w{5}$/);
  t.is(await live.run('ls /dev/mapper'), 'control\n');
  t.regex(await refusal('--yes', 8), /there is an installation on it/);

  // The recovery key opens it without us, and gives it to a TPM whose passphrase it does not have.
  const open = 'cryptsetup open --type luks2 --readonly /dev/vdb2 recovered';
  t.regex(await live.run(`printf AAAAA | ${open}`, { accept: [2] }), /No key available with this passphrase/);
  await live.run(`printf %s ${recoveryKey} | ${open} && mount -o ro /dev/mapper/recovered /mnt`);
  t.regex(await live.run('ls /mnt'), /manifest\.git/);
  await live.run('umount /mnt && cryptsetup close recovered');
  const kill = [2, 3, 4].map((number) => `cryptsetup -q luksKillSlot /dev/vdb${number} 0`);
  await live.run(kill.join(' && '));
  const wrong = recoveryKey.replace(/^./, (letter: string) => (letter === 'A' ? 'B' : 'A'));
  const recover = (key: string, accept: number) =>
    live.run(`printf %s ${key} | mosctl recover vdb`, { accept: [accept], seconds: 300 });
  t.regex(await recover(wrong, 13), /cannot recover machine-config .*the recovery key does not fit/);
  t.regex(await recover(recoveryKey, 0), /opens \/dev\/vdb from now on: machine-config, machine-store/);
  t.regex(await recover(recoveryKey, 0), /this machine opens \/dev\/vdb already/);
}

async function reboot(machine: Machine): Promise<void> {
  machine.type('systemctl reboot');
  await machine.waitFor(/reboot: Restarting system/, 'the reboot');
  await machine.login('mos', 600);
  await machine.run('systemctl start mos-boot-complete.service');
}

/** An update raises the floor, so that the generation before is refused until a ticket of the vendor lets it run again. */
async function goBackByTicket(t: ExecutionContext, machine: Machine, update: string): Promise<void> {
  const floor = async () => {
    const status = JSON.parse(await machine.run('mosctl status --json'));
    return [status.running.generation, status.securityVersion, status.floor, status.floorKept];
  };
  await machine.run(`mosctl update --quiet --plain-http ${update}`, { seconds: 600 });
  await reboot(machine);
  t.deepEqual(await floor(), [2, 1, 1, 'TPM']);
  const back = (code: number) => machine.run('mosctl rollback --quiet --to 1', { accept: [code] });
  t.regex(await back(5), /cannot use generation 1: its security version is 0, this machine requires 1/);

  const made = join(kit.folder, 'ticket.json');
  const asked = ['vm', 'default', '--serial', 'SN0001', '--from', '1', '--to', '0', '--output', made];
  await kit.command('trust', 'ticket', 'add', ...asked);
  for (const end of ['', '.signed', '.pem']) {
    const text = readFileSync(`${made}${end}`).toString('base64');
    await machine.run(`echo ${text} | base64 -d > /config/ticket.json${end}`);
  }
  const accept = () => machine.run('mosctl ticket accept --quiet /config/ticket.json');
  t.regex(await accept(), /^the floor of this machine is 0 now \(counted by the TPM\), it was 1\n/);
  // What runs had proved good before: a boot of it does not take the ticket back.
  await reboot(machine);
  t.deepEqual(await floor(), [2, 1, 0, 'TPM']);
  await back(0);
  await reboot(machine);
  t.deepEqual(await floor(), [3, 0, 0, 'TPM']);
  t.regex(await accept(), /^nothing changed: /);

  // The disk of a thief who took away what the floor was lowered by.
  await machine.run('rm /config/mos/tickets.json && sync');
  machine.type('systemctl reboot');
  const refusal = /cannot use generation 3: its security version is 0, this machine requires 1/;
  await machine.waitFor(refusal, 'the refusal of what the ticket had allowed');
  const how = 'tickets.json is removed from the disk of a machine that runs below what its TPM has counted';
  refused(t, 'a ticket put back on the disk', how, machine.console, refusal);
}

/** PCR 7 in the SHA-256 bank, as tpm2_eventlog replays it. */
function toolsReplay(log: Buffer): string | undefined {
  const file = join(kit.folder, 'event-log');
  writeFileSync(file, log);
  const text = execFileSync('tpm2', ['eventlog', file], { encoding: 'utf8', maxBuffer: 1 << 26 });
  return /^ {2}sha256:\n(?: {4}.*\n)*? {4}7\s*: 0x([0-9a-f]{64})/m.exec(text)?.[1];
}
