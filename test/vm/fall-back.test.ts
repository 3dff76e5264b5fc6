import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  buildBootkit,
  espOf,
  imageOf,
  installWithEsp,
  newFirmware,
  powerOn,
} from '../helpers/firmware-machine.ts';
import { type MachineKit, makeVmKit } from '../helpers/machine-kit.ts';
import { startRegistry } from '../helpers/registries.ts';
import type { Machine } from '../helpers/vm.ts';

// A new kernel that panics, and one under which the machine stands still: nobody touches it, and it runs the last good one again.

let kit: MachineKit;

test.before(async () => {
  kit = await makeVmKit('fall-back');
});
test.after.always(() => kit && rmSync(kit.folder, { recursive: true }));

/** The generation that failed is told of, and its release is not taken again. */
async function givenUp(
  t: ExecutionContext,
  machine: Machine,
  generation: number,
  reference: string,
  tries: number,
) {
  await machine.run('systemctl start mos-boot-complete.service');
  const { running, next, good, warnings } = JSON.parse(await machine.run('mosctl status --json'));
  t.deepEqual([running.generation, next, good.generation], [1, null, 1]);
  const failed = new RegExp(`^generation ${generation} failed: its ${tries} tr\\w+ (is|are) used up; `);
  t.true(
    warnings.some((text: string) => failed.test(text)),
    JSON.stringify(warnings),
  );
  const why = await machine.run('mosctl why');
  const bad = new RegExp(`generation ${generation} bad: .*the kernel in it failed`);
  t.regex(why, bad);
  t.log(bad.exec(why)?.[0]);
  t.regex(
    await machine.run(`mosctl update --quiet --plain-http ${reference}`, { accept: [9] }),
    /did not prove good: .*--retry/s,
  );
}

test('a kernel that panics and a machine that hangs are given up by the machine itself, and why says so', async (t) => {
  t.timeout(40 * 60_000);
  const registry = await startRegistry(t, { kind: 'docker' });
  const there = `10.0.2.2:${registry.host.split(':')[1]}/machine/install`;
  const publish = (release: number, bootkit: string) =>
    kit.publish({
      ...{
        name: `machine/install:${release}`,
        version: `${release}.0.0`,
        release,
        repository: registry.host,
      },
      ...{ image: '1-console', bootkit: imageOf(bootkit) },
    });
  const preinit = join(kit.folder, 'stands-still');
  execFileSync('gcc', ['-static', '-Os', '-s', '-Wall', '-o', preinit, 'test/vm/stands-still.c']);
  await publish(1, await buildBootkit(kit, 'one'));
  await publish(2, await buildBootkit(kit, 'panics', { words: ['rdinit=/not/there'] }));
  await publish(3, await buildBootkit(kit, 'hangs', { kernel: 'build/kernel-full', preinit }));
  const root = await installWithEsp(kit, `${registry.host}/machine/install:1`);
  newFirmware(kit);
  const disk = kit.disk(root, 'machine.img', espOf(root));
  const machine = powerOn(kit, disk, { qemu: ['-device', 'i6300esb'] });
  t.teardown(() => machine.stop());
  await machine.login('mos', 600);
  await machine.run('systemctl start mos-boot-complete.service');

  await machine.run(`mosctl update --quiet --plain-http ${there}:2`, { seconds: 600 });
  machine.type('systemctl reboot');
  for (const one of [1, 2, 3]) await machine.waitFor(/Kernel panic - not syncing/, `panic ${one}`);
  await machine.login('mos', 600);
  await givenUp(t, machine, 2, `${there}:2`, 3);

  await machine.run(`mosctl update --quiet --plain-http ${there}:3`, { seconds: 600 });
  // The panic has used up three tries; one is enough to see the watchdog.
  await machine.run('mv /boot/efi/loader/entries/mos-3+3.conf /boot/efi/loader/entries/mos-3+1.conf');
  machine.type('systemctl reboot');
  await machine.waitFor(/mos: the watchdog gives this boot 90 s/, 'the watchdog');
  await machine.waitFor(/the test stands still/, 'the hang');
  const stood = performance.now();
  await machine.login('mos', 600);
  t.log(
    `${Math.round((performance.now() - stood) / 1000)} s from the hang to the login prompt of generation 1`,
  );
  await givenUp(t, machine, 3, `${there}:3`, 1);
});
