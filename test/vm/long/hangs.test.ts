import { rmSync } from 'node:fs';
import test from 'ava';
import { setVariable, wide } from '../../helpers/efi-variables.ts';
import {
  buildBootkit,
  espOf,
  imageOf,
  installWithEsp,
  newFirmware,
  powerOn,
} from '../../helpers/firmware-machine.ts';
import { hostfsWith } from '../../helpers/hostfs-image.ts';
import { type MachineKit, makeVmKit } from '../../helpers/machine-kit.ts';
import { startRegistry } from '../../helpers/registries.ts';
import { scriptImage } from '../../helpers/script-image.ts';

// A generation under which a boot never ends: nobody touches the machine, and it runs the last good one again.

let kit: MachineKit;

test.before(async () => {
  kit = await makeVmKit('hangs');
});
test.after.always(() => kit && rmSync(kit.folder, { recursive: true }));

const units = 'usr/lib/systemd/system';
const dropIn = (unit: string): string => `${units}/${unit}.d/more.conf`;

/** The limits of the units, as short as a test needs them. */
const startHangs = {
  [dropIn('mos-boot.service')]: '[Service]\nTimeoutStartSec=30\n',
  [dropIn('mos-boot-complete.service')]:
    '[Service]\nExecStart=\nExecStart=/usr/bin/mosctl boot-complete --reboot --limit 20\n',
};
const gateHangs = {
  [dropIn('mos-boot-complete.service')]:
    '[Service]\nExecStart=\nExecStart=/usr/bin/sleep infinity\nTimeoutStartSec=20\n',
};
const soon = { [dropIn('mos-boot-limit.timer')]: '[Timer]\nOnBootSec=\nOnBootSec=30\n' };
/** What all else waits for, in a service of the vendor's own. */
const sysinitHangs = {
  ...soon,
  [dropIn('sysinit.target')]: '[Unit]\nWants=hang.service\nAfter=hang.service\n',
  [`${units}/hang.service`]:
    '[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/sleep infinity\n',
};
/** systemd gives up, and asks somebody at the console. */
const isEmergency = {
  ...soon,
  [dropIn('local-fs.target')]: '[Unit]\nRequires=fail.service\nAfter=fail.service\n',
  [`${units}/fail.service`]:
    '[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/false\n',
};

test('services whose start hangs, a gate that hangs, and a boot that never comes so far are given up by the machine itself', async (t) => {
  t.timeout(60 * 60_000);
  const registry = await startRegistry(t, { kind: 'docker' });
  const bootkit = imageOf(await buildBootkit(kit, 'bootkit'));
  const image = scriptImage(kit.folder, 'never', 'while :; do sleep 1000; done');
  const never = `  - { service_name: never, source: '${image}', version: '1', service_type: container, nsgroup: never, network: { type: none }, health: { exec: ['false'], start_period: 86400 } }\n`;
  const publish = (release: number, more: { readonly image: string; readonly targets?: string }) =>
    kit.publish({
      ...{ name: `machine/install:${release}`, version: `${release}.0.0`, release },
      ...{ repository: registry.host, bootkit, ...more },
    });
  const hostfs = (name: string, files: Readonly<Record<string, string>>) =>
    hostfsWith(kit.folder, name, files, { name: 'hostfs', tag: '1-console' });
  await publish(1, { image: '1-console' });
  await publish(2, { image: await hostfs('start', startHangs), targets: never });
  await publish(3, { image: await hostfs('gate', gateHangs) });
  await publish(4, { image: await hostfs('sysinit', sysinitHangs) });
  await publish(5, { image: await hostfs('emergency', isEmergency) });
  const root = await installWithEsp(kit, `${registry.host}/machine/install:1`);
  newFirmware(kit);
  const machine = powerOn(kit, kit.disk(root, 'machine.img', espOf(root)));
  t.teardown(() => machine.stop());
  await machine.login('mos', 600);
  await machine.run('systemctl start mos-boot-complete.service');
  t.is(
    await machine.run('systemctl show -P TimeoutStartUSec mos-boot.service mos-boot-complete.service'),
    '30min\n\n20min\n',
  );
  t.regex(await machine.run('systemctl show -P TimersMonotonic mos-boot-limit.timer'), /OnBootUSec=1h /);

  const givenUp = async (release: number, words: RegExp): Promise<void> => {
    const there = `10.0.2.2:${registry.host.split(':')[1]}/machine/install:${release}`;
    await machine.run(`mosctl update --quiet --plain-http ${there}`, { seconds: 600 });
    const entry = `/boot/efi/loader/entries/mos-${release}`;
    await machine.run(`mv ${entry}+3.conf ${entry}+1.conf`); // one try is enough
    // A choice of the boot loader's default would start it again and again, also without tries.
    await setVariable(machine, 'loader', 'LoaderEntryDefault', wide(`mos-${release}*`));
    machine.type('systemctl reboot');
    const up = (generation: number) => new RegExp(`mos: generation ${generation}, hostfs `);
    await machine.waitFor(up(release), `generation ${release}`, 600);
    const started = performance.now();
    await machine.waitFor(up(1), 'generation 1', 900);
    const seconds = Math.round((performance.now() - started) / 1000);
    t.log(`${seconds} s from the start of generation ${release} to that of 1`);
    await machine.login('mos', 600);
    await machine.run('systemctl start mos-boot-complete.service');
    t.regex(await machine.run('mosctl why'), words);
    const { running, next, good } = JSON.parse(await machine.run('mosctl status --json'));
    t.deepEqual([running.generation, next, good.generation], [1, null, 1]);
  };
  await givenUp(2, /generation 2 bad: its 1 tries are used up; .*never /);
  for (const release of [3, 4, 5])
    await givenUp(
      release,
      new RegExp(`generation ${release} bad: its 1 tries are used up; it never came so far`),
    );
});
