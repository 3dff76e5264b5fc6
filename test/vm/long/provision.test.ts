import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import small from '../../../layouts/disks/small.json' with { type: 'json' };
import { firmwareArguments, newVariables, startTpm } from '../../helpers/firmware.ts';
import { disc, type MediumKit, makeMediumKit, newIdentity, seedDrive } from '../../helpers/live-medium.ts';
import { Machine } from '../../helpers/vm.ts';

// Media of `mosb mkprovision`, from firmware in setup mode: by hand as docs/provision-machines.md tells it, and without a hand.

let kit: MediumKit;

test.before(async (t) => {
  t.timeout(10 * 60_000);
  kit = await makeMediumKit('provision');
});
test.after.always(() => kit && rmSync(kit.folder, { recursive: true }));

const makeMedium = async (action: string, ...words: string[]): Promise<string> =>
  kit.make('mkprovision', `${action}.iso`, ...words, 'vm:default', await kit.publishLive(action));

/** A computer with empty firmware, a TPM that nobody owns, an empty disk, the medium and the seed trust-data. */
async function newComputer(t: ExecutionContext, medium: string, serial: string) {
  const name = serial.toLowerCase();
  const variables = join(kit.folder, `${name}.fd`);
  newVariables(variables);
  const identity = await newIdentity(kit, serial, (file) => readFileSync(file, 'utf8'));
  const seed = kit.seed('trust-data', identity, name);
  const disk = kit.emptyDisk(`${name}.img`);
  // The disc is asked after the entries that an install makes.
  const drive = disc(medium).map((word) => word.replace(',bootindex=0', ''));
  return async (): Promise<Machine> => {
    const tpm = await startTpm(t, join(kit.folder, `${name}-tpm`));
    const qemu = [...tpm, ...drive, ...seedDrive(seed)];
    const machine = new Machine({ disk, firmware: firmwareArguments(variables), qemu, reboots: true });
    t.teardown(() => machine.stop());
    return machine;
  };
}

test.serial(
  'provisioned and installed by hand from a medium for provisioning, a machine boots with its secrets',
  async (t) => {
    t.timeout(20 * 60_000);
    const power = await newComputer(t, await makeMedium('livecd-console', '--add', kit.install), 'SN0001');
    const machine = await power();
    await machine.waitFor(/mos: live system 1\.0\.0 of zot:/, 'the live system', 600);
    await machine.login('mos', 600);
    t.is(await machine.run('od -An -t u1 /sys/firmware/efi/efivars/SecureBoot-*'), '   6   0   0   0   1\n');
    await machine.run('mkdir /tmp/seed && mount -o ro LABEL=trust-data /tmp/seed');
    const given = '/tmp/seed/cert.pem /tmp/seed/privkey.pem';
    t.regex(await machine.run(`mosctl provision --plan ${given}`), /would make this the machine SN0001 /);
    t.regex(
      await machine.run(`mosctl provision ${given}`),
      /this is the machine SN0001 of product \S+, booted for tpm use\n-----BEGIN PUBLIC KEY-----.*\nprovisioned successfully\n$/s,
    );
    await machine.run(`echo '${JSON.stringify(small)}' > /tmp/layout.json`);
    const install =
      'mosctl install --disk /dev/vda --layout /tmp/layout.json zot:/run/mos/medium/oci:machine/install:1';
    t.regex(await machine.run(`${install} --plan`, { seconds: 600 }), /machine-config +67.1 MB +encrypted\n/);
    t.regex(
      await machine.run(`${install} --quiet --yes`, { seconds: 900 }),
      /(\w{5}-){7}\w{5}.*installed successfully\n$/s,
    );
    machine.type('mosctl reboot');
    await machine.waitFor(/reboot: Restarting system/, 'the reboot', 600);
    await machine.login('mos', 600);
    t.like(JSON.parse(await machine.run('mosctl status --json')), {
      running: { generation: 1 },
      productOrigin: 'sudi',
      protection: { secrets: 'released', why: null },
    });
  },
);

test.serial('a medium for provisioning does it without a hand, once, and tells how that ended', async (t) => {
  t.timeout(20 * 60_000);
  const power = await newComputer(t, await makeMedium('provision'), 'SN0002');
  const machine = await power();
  await machine.waitFor(
    /this is the machine SN0002 of product .*provisioned successfully/s,
    'the end of it',
    600,
  );
  t.regex(machine.console, /booted for tpm use/);
  t.regex(machine.console, /-----BEGIN PUBLIC KEY-----/);
  await machine.stop();
  const again = await power();
  await again.waitFor(/it is provisioned already.*XXX FAIL XXX/s, 'the refusal', 600);
  await again.stop();
});
