import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type MachineKit, makeVmKit } from '../helpers/machine-kit.ts';
import { startRegistry } from '../helpers/registries.ts';
import { Machine } from '../helpers/vm.ts';

// The life of one machine, on its own disk: boot, update, reboot, rollback, reboot.

let kit: MachineKit;

test.before(async () => {
  kit = await makeVmKit('machine');
});
test.after.always(() => kit && rmSync(kit.folder, { recursive: true }));

/** Publishes a release; the second one has the image with one package more, `less`. */
const publish = (release: 1 | 2, repository: string): Promise<string> =>
  kit.publish({
    name: `machine/install:${release}`,
    image: `${release}-console`,
    version: `${release}.0.0`,
    release,
    repository,
  });

async function reboot(machine: Machine): Promise<void> {
  machine.type('systemctl reboot');
  await machine.waitFor(/reboot: Restarting system/, 'the reboot');
  await machine.login('mos');
}

const number = (generation: { generation: number } | null) => generation?.generation ?? null;

/** What the machine says of itself; the unit that judges the generation has ended before. */
async function state(machine: Machine) {
  await machine.run('systemctl start mos-boot.service');
  const { running, next, booted, good, targets } = JSON.parse(await machine.run('mosctl status --json'));
  const hasLess = (await machine.run('command -v less || echo none')) === '/usr/bin/less\n';
  return {
    running: running.generation,
    next: number(next),
    booted,
    good: number(good),
    version: targets[0].version,
    hasLess,
  };
}

/** The root is an overlay of ours, each of its layers a device of dm-verity that found no damage. */
async function mountedThroughVerity(t: ExecutionContext, machine: Machine): Promise<void> {
  t.regex(
    await machine.run('head -n 1 /proc/mounts; grep " / " /proc/mounts'),
    /^mos:[0-9a-f]{32} \/ overlay rw,/m,
  );
  const [target] = JSON.parse(await machine.run('mosctl status --json')).targets;
  const devices = await machine.run('cat /sys/block/dm-*/dm/name');
  t.is(devices.trim().split('\n').length, 3);
  t.regex(devices, /^([0-9a-f]{64}-verity\n)+$/);
  t.is(target.mounts.length, 1, JSON.stringify(target));
}

test('a machine boots what was verified, is updated from a registry, and goes back', async (t) => {
  const registry = await startRegistry(t, { kind: 'docker' });
  const root = kit.newRoot('root');
  const first = await publish(1, `zot:${resolve(kit.folder, 'repository')}`);
  await kit.command('mosctl', 'install', '-r', root, first);
  await publish(2, registry.host);
  const machine = new Machine({
    kernel: kit.kernel,
    initrd: kit.initrd,
    disk: kit.disk(root, 'machine.img'),
    reboots: true,
  });
  t.teardown(() => machine.stop());

  await machine.login('mos');
  await mountedThroughVerity(t, machine);
  t.deepEqual(await state(machine), {
    running: 1,
    next: null,
    booted: 1,
    good: 1,
    version: '1.0.0',
    hasLess: false,
  });
  const id = await machine.run('cat /etc/machine-id');
  t.regex(id, /^[0-9a-f]{32}\n$/);
  await machine.run('touch /etc/changed-by-hand');

  const port = registry.host.split(':')[1];
  await machine.run(`mosctl update --quiet --plain-http 10.0.2.2:${port}/machine/install:2`);
  t.deepEqual(await state(machine), {
    running: 1,
    next: 2,
    booted: 1,
    good: 1,
    version: '1.0.0',
    hasLess: false,
  });

  await reboot(machine);
  await mountedThroughVerity(t, machine);
  t.deepEqual(await state(machine), {
    running: 2,
    next: null,
    booted: 2,
    good: 2,
    version: '2.0.0',
    hasLess: true,
  });
  t.is(await machine.run('cat /etc/machine-id'), id, 'the id of the machine stays');
  await machine.run('test ! -e /etc/changed-by-hand');

  await machine.run('mosctl rollback --quiet --reason "2 is too new"');
  await reboot(machine);
  t.deepEqual(await state(machine), {
    running: 3,
    next: null,
    booted: 3,
    good: 3,
    version: '1.0.0',
    hasLess: false,
  });
  const log = await machine.run('mosctl log --json');
  t.regex(log, /2 is too new/);
  await machine.run('mosctl verify --quiet');
  await machine.run('git -C /config/manifest.git fsck --full');
  t.log(
    `failed units: ${(await machine.run('systemctl --failed --quiet --no-legend --no-pager')) || 'none'}`,
  );
  t.regex(machine.console, /mos: generation 3, hostfs 1\.0\.0\n/);
});
