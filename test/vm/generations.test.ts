import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import small from '../../layouts/disks/small.json' with { type: 'json' };
import { refused } from '../helpers/attacks.ts';
import { addBootkit } from '../helpers/bootkit-image.ts';
import { firmwareArguments, newVariables } from '../helpers/firmware.ts';
import { type MachineKit, makeVmKit } from '../helpers/machine-kit.ts';
import { startRegistry } from '../helpers/registries.ts';
import { commandLine, Machine } from '../helpers/vm.ts';

// Generations through firmware and boot loader: a new kernel proves good, one that the firmware refuses falls back by itself.

let kit: MachineKit;

test.before(async () => {
  kit = await makeVmKit('generations');
});
test.after.always(() => kit && rmSync(kit.folder, { recursive: true }));

/** Builds a bootkit whose command line is its own, so that its build id is. */
async function bootkit(name: string, ...words: string[]): Promise<string> {
  const folder = join(kit.folder, name);
  const parts = ['--kernel', 'build/kernel', '--preinit', 'build/preinit'];
  const line = [commandLine, ...words].join(' ');
  await kit.command('mosb', 'bootkit', 'build', ...parts, '--command-line', line, 'vm', folder);
  return folder;
}

const imageIn = (folder: string): string => `oci:${resolve(folder, 'image')}:bootkit`;

const publish = (release: number, source: string, repository: string): Promise<string> =>
  kit.publish({
    ...{ name: `machine/install:${release}`, version: `${release}.0.0`, release, repository },
    ...{ image: '1-console', bootkit: source },
  });

/** What the machine says of itself when its health gate has ended. */
async function state(machine: Machine) {
  await machine.run('systemctl start mos-boot-complete.service');
  const { running, next, booted, good, warnings } = JSON.parse(await machine.run('mosctl status --json'));
  const entries = (await machine.run('ls -1 /boot/efi/loader/entries')).trim().split('\n');
  const number = (one: { generation: number } | null) => one?.generation ?? null;
  return { running: running.generation, booted, next: number(next), good: number(good), entries, warnings };
}

async function reboot(machine: Machine): Promise<void> {
  machine.type('systemctl reboot');
  await machine.waitFor(/reboot: Restarting system/, 'the reboot');
  await machine.login('mos', 600);
}

async function installFromLive(
  t: ExecutionContext,
  root: string,
  target: string,
  reference: string,
): Promise<void> {
  const disk = kit.disk(root, 'live.img');
  const second = ['-drive', `file=${target},if=virtio,format=raw,cache=unsafe`];
  const live = new Machine({ kernel: kit.kernel, initrd: kit.initrd, disk, qemu: second });
  t.teardown(() => live.stop());
  await live.login('mos', 600);
  const layout = JSON.stringify(small);
  await live.run(`echo '${layout}' > /tmp/layout.json`);
  const install = `mosctl install --quiet --plain-http --layout /tmp/layout.json ${reference}`;
  const refusal = (words: string, code: number) =>
    live.run(`${install} ${words}`, { accept: [code], seconds: 600 });
  t.regex(
    await refusal('--disk /dev/vda --unencrypted --yes', 9),
    /cannot install on \/dev\/vda: it is in use: /,
  );
  t.regex(await refusal('--disk /dev/vda1 --unencrypted --yes', 7), /it is no whole disk/);
  t.regex(await refusal('--disk vdb --yes', 16), /would not be encrypted.*--unencrypted/s);
  t.regex(await refusal('--disk vdb --unencrypted', 2), /nobody has agreed to it/);
  const plan = await live.run(`${install} --disk vdb --unencrypted --plan`, { seconds: 600 });
  t.regex(plan, /machine-store +2\.1 GB +not encrypted/);
  await live.run('cmp -n 1048576 /dev/vdb /dev/zero');
  const done = await live.run(`${install} --disk vdb --unencrypted --yes`, { seconds: 900 });
  t.regex(done, /installed successfully\n$/);
  const again = await refusal('--disk vdb --unencrypted --yes', 8);
  const how = 'a live system is told to install on its disk';
  refused(t, 'a live CD inserted into an installed machine', how, again, /.*there is an installation.*/);
  t.is(await live.run('grep -c /run/mos/install /proc/mounts', { accept: [1] }), '0\n');
  await live.stop();
}

test('a machine is installed on a disk and boots from it; a new kernel is tried and proves good; one that the firmware refuses is given up, and why says so', async (t) => {
  const registry = await startRegistry(t, { kind: 'docker' });
  const there = `10.0.2.2:${registry.host.split(':')[1]}/machine/install`;
  const [one, two] = [await bootkit('one'), await bootkit('two', 'mos-test-two')];
  const root = kit.newRoot('live');
  await publish(1, imageIn(one), registry.host);
  await publish(2, imageIn(two), registry.host);
  const unsigned = readFileSync('/usr/lib/systemd/boot/efi/systemd-bootx64.efi');
  await publish(3, await addBootkit(resolve(kit.folder, 'refused'), 'one', unsigned), registry.host);
  await kit.command('mosctl', 'install', '--plain-http', '-r', root, `${registry.host}/machine/install:1`);

  // A system that runs from another disk installs the machine on an empty one.
  const target = join(kit.folder, 'machine.img');
  writeFileSync(target, '');
  truncateSync(target, 2600 * 1024 * 1024);
  await installFromLive(t, root, target, `${there}:1`);

  const variables = join(kit.folder, 'variables.fd');
  newVariables(variables);
  const firmware = firmwareArguments(variables);
  const machine = new Machine({ disk: target, firmware, reboots: true });
  t.teardown(() => machine.stop());

  await machine.login('mos', 600);
  const standing = await state(machine);
  t.like(standing, { running: 1, booted: 1, next: null, good: 1, entries: ['mos-1.conf'] });
  const release = (await machine.run('uname -r')).trim();
  await machine.run(`grep -q loop.ko /lib/modules/${release}/modules.dep && modprobe dummy`);

  const plan = JSON.parse(await machine.run(`mosctl update --plan --json --quiet --plain-http ${there}:2`));
  t.true(plan.esp.takes > 50_000_000, JSON.stringify(plan.esp));
  await machine.run(`mosctl update --quiet --plain-http ${there}:2`, { seconds: 600 });
  await reboot(machine);
  t.regex(await machine.run('cat /proc/cmdline'), /mos-test-two/);
  t.like(await state(machine), {
    ...{ running: 2, booted: 2, next: null, good: 2 },
    entries: ['mos-1.conf', 'mos-2.conf'],
  });

  await machine.run(`mosctl update --quiet --plain-http ${there}:3`, { seconds: 600 });
  await reboot(machine);
  t.regex(machine.console, /Access Denied|Security Violation/i);
  const fallen = await state(machine);
  t.like(fallen, { running: 2, booted: 2, next: null, good: 2, entries: ['mos-1.conf', 'mos-2.conf'] });
  t.true(
    fallen.warnings.some((text: string) => /^generation 3 failed: its 3 tries are used up; /.test(text)),
  );
  t.regex(await machine.run('mosctl why'), /generation 3 bad: .*the firmware refused its boot file/);
  const again = await machine.run(`mosctl update --quiet --plain-http ${there}:3`, { accept: [9] });
  t.regex(again, /did not prove good: .*--retry/s);
});
