// `make vm-secure`: the life of a machine under Secure Boot, step by step, on this terminal: what is done, and the lines of
// programs, firmware and kernel that say what came of it. Nothing here is written by hand but the headings.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import small from '../layouts/disks/small.json' with { type: 'json' };
import { makeToolsDisk } from '../test/helpers/encrypted-disk.ts';
import { startTpm } from '../test/helpers/firmware.ts';
import {
  buildBootkit,
  espOf,
  imageOf,
  installWithEsp,
  newFirmware,
  powerOn,
} from '../test/helpers/firmware-machine.ts';
import { makeMachineKit } from '../test/helpers/machine-kit.ts';
import { startRegistry } from '../test/helpers/registries.ts';
import type { Machine } from '../test/helpers/vm.ts';

const folder = 'build/vm/secure-story';
const mebibyte = 1024 * 1024;

await using atTheEnd = new AsyncDisposableStack();
const owner = { teardown: (hook: () => unknown) => atTheEnd.defer(async () => void (await hook())) };
const secureBoot = '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';
let steps = 0;
async function power(disk: string, tpm: string, ...qemu: readonly string[]): Promise<Machine> {
  const machine = powerOn(kit, disk, { qemu: [...(await startTpm(owner, join(folder, tpm))), ...qemu] });
  atTheEnd.defer(() => machine.stop());
  return machine;
}
const say = (text: string): void => console.log(`\x1b[1m${++steps}. ${text}\x1b[0m`);
/** The lines of an output that matter; none of them is an error of the story. */
function show(said: string, ...lines: readonly RegExp[]): void {
  for (const line of lines) {
    const found = line.exec(said)?.[0].trim();
    if (found === undefined) throw new Error(`nothing says ${line} in\n${said.slice(-3000)}`);
    console.log(found.replaceAll(/^/gm, '     '));
  }
}
/** In the machine, by a person who is logged in. */
async function inside(machine: Machine, command: string, ...lines: readonly RegExp[]): Promise<void> {
  console.log(`   mos# ${command}`);
  show(await machine.run(command, { seconds: 900, accept: [9] }), ...lines);
}
async function reboot(machine: Machine): Promise<string> {
  const before = machine.console.length;
  machine.type('systemctl reboot');
  await machine.waitFor(/reboot: Restarting system/, 'the reboot');
  await machine.login('mos', 900);
  await machine.run('systemctl start mos-boot-complete.service', { seconds: 600 });
  return machine.console.slice(before);
}

rmSync(folder, { recursive: true, force: true });
say('A vendor: all keys, an identity for one machine, boot files signed for Secure Boot, three releases');
const kit = await makeMachineKit(folder);
show((await kit.command('trust', 'keyset', 'show', 'vm')).replaceAll('\n', ' '), /.+/);
const sudi = JSON.parse(await kit.command('trust', 'sudi', 'add', '--json', 'vm', 'default', 'SN0001'));
const registry = await startRegistry(owner, { kind: 'docker' });
const inMachine = `10.0.2.2:${registry.host.split(':')[1]}/machine/install`;
const words = [[], ['second'], ['rdinit=/not/there']];
for (const [index, more] of words.entries()) {
  const release = index + 1;
  const bootkit = await buildBootkit(kit, `bootkit-${release}`, { words: more });
  const name = `machine/install:${release}`;
  const about = { name, version: `${release}.0.0`, release, repository: registry.host };
  const reference = await kit.publish({ ...about, image: '1-console', bootkit: imageOf(bootkit) });
  console.log(`     ${reference}${release === 3 ? ', whose kernel will panic' : ''}`);
}
const image = join(folder, 'bootkit-1/uki-production.efi');
const signer = join(folder, 'share/machine/trust/keys/vm/uki-production/cert.pem');
show(await kit.command('trust', 'verify', 'efi', '--cert', signer, image), /^.*$/m);

say(
  'Power on with empty firmware: it gets the keys of the vendor, and starts a live system that they signed',
);
const live = `${folder}/live.img`;
const root = await installWithEsp(kit, `${registry.host}/machine/install:1`, 'live');
kit.disk(root, 'live.img', espOf(root));
const disk = join(folder, 'machine.img');
writeFileSync(disk, '');
truncateSync(disk, 2600 * mebibyte);
const tools = join(folder, 'tools.img');
makeToolsDisk(tools, { 'cert.pem': join(sudi.path, 'cert.pem'), 'key.pem': join(sudi.path, 'privkey.pem') });
newFirmware(kit);
const drives = [disk, tools].flatMap((file) => ['-drive', `file=${file},if=virtio,format=raw,cache=unsafe`]);
const first = await power(live, 'tpm', ...drives);
await first.login('mos', 900);
await inside(
  first,
  `od -An -t u1 ${secureBoot}; cat /sys/kernel/security/lockdown`,
  /.* 1\n.*\[integrity\].*/,
);

say('Its TPM gets the identity and secrets of one machine, for boot files of this vendor alone');
const kernel = ['dev', 'proc', 'sys', 'run'].map((name) => `mount --rbind /${name} /run/tools/${name}`);
await first.run(['mkdir /run/tools', 'mount /dev/vdc /run/tools', ...kernel].join(' && '));
await first.run(
  `printf '#!/bin/sh\\nexec chroot /run/tools cryptsetup "$@"\\n' >/usr/sbin/cryptsetup; chmod 755 /usr/sbin/cryptsetup`,
);
const given = '/run/tools/given/cert.pem /run/tools/given/key.pem';
await inside(first, `mosctl provision ${given}`, /provisioned successfully/);

say('The machine is installed on an empty disk, which is encrypted');
await first.run(`echo '${JSON.stringify(small)}' >/tmp/layout`);
const install = `mosctl install --quiet --plain-http --layout /tmp/layout --disk vdb --yes ${inMachine}:1`;
await inside(first, install, /^on \/dev\/vdb, encrypted$/m, /^ +recovery key .*$/m, /installed successfully/);
await first.run('sync');
await first.stop();

say('Power on: the TPM gives its secrets to the boot file on this disk');
const machine = await power(disk, 'tpm');
await machine.login('mos', 900);
show(machine.console, /^mos: the TPM .*$/m, /^mos: generation .*$/m);
await machine.run('systemctl start mos-boot-complete.service', { seconds: 600 });
await inside(machine, 'mosctl status', /^generation.*$/m, /^ +its disk is encrypted.*$/m);

say('An update with another kernel: tried by the boot loader, marked good by the machine');
await inside(machine, `mosctl update --quiet --plain-http ${inMachine}:2`, /.+/);
await inside(machine, 'ls -1 /boot/efi/loader/entries', /mos-1\.conf\nmos-2\+3\.conf/);
show(await reboot(machine), /^mos: generation 2, .*$/m);
await inside(
  machine,
  'ls -1 /boot/efi/loader/entries; cat /proc/cmdline',
  /mos-1\.conf\nmos-2\.conf\n.* second/,
);

say('A bad update: its kernel panics three times, and the machine is what it was, by itself');
await inside(machine, `mosctl update --quiet --plain-http ${inMachine}:3`, /.+/);
const said = await reboot(machine);
for (const [panic] of said.matchAll(/Kernel panic - not syncing.*/g)) console.log(`     ${panic.trim()}`);
show(said, /^mos: generation 2, .*$/m);
await inside(machine, 'mosctl why', /^.*generation 3 bad: .*$/m);
await inside(machine, `mosctl update --quiet --plain-http ${inMachine}:3`, /^mosctl: .*$/m);

await machine.run('sync');
await machine.stop();

say('Attacks: one bit of the boot file; the boot file for limited use; the disk in another machine');
const esp = ['-i', `${disk}@@${mebibyte}`];
const entry = execFileSync('mtype', [...esp, '::/loader/entries/mos-2.conf'], { encoding: 'utf8' });
const onEsp = `::${/^efi\s+(\S+)$/m.exec(entry)?.[1]}`;
const good = join(folder, 'bootkit-2/uki-production.efi');
const changed = join(folder, 'changed.efi');
const bytes = readFileSync(good);
bytes.writeUInt8(bytes.readUInt8(40_000_000) ^ 1, 40_000_000);
writeFileSync(changed, bytes);
const attack = async (file: string, by: RegExp, chip = 'tpm') => {
  execFileSync('mcopy', ['-o', ...esp, file, onEsp]);
  const attacked = await power(disk, chip);
  show(await attacked.waitFor(by, 'the refusal', 900), by);
  await attacked.stop();
};
await attack(changed, /.*(Access Denied|Security Violation).*/i);
await attack(join(folder, 'bootkit-2/uki-limited.efi'), /mos: cannot use machine-config.*\n/);
await attack(good, /mos: cannot use machine-config.*\n/, 'tpm of another');
