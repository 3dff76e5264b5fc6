import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import small from '../../../layouts/disks/small.json' with { type: 'json' };
import { firmwareArguments, newVariables, startTpm } from '../../helpers/firmware.ts';
import { disc, type MediumKit, makeMediumKit, newIdentity, seedDrive } from '../../helpers/live-medium.ts';
import { Machine } from '../../helpers/vm.ts';

// A live medium: made twice with the same bytes, boots under Secure Boot, installs a machine without a hand on it. It leaves
// an installed machine alone.

let kit: MediumKit;
let medium: string;

test.before(async (t) => {
  t.timeout(10 * 60_000);
  kit = await makeMediumKit('livecd');
  const live = await kit.publishLive('install');
  const make = (name: string) =>
    kit.make('mkboot', name, '--enrol', '--add', kit.install, 'vm:default', live);
  medium = await make('live.iso');
  const again = await make('again.iso');
  execFileSync('cmp', [medium, again]);
  rmSync(again);
});
test.after.always(() => kit && rmSync(kit.folder, { recursive: true }));

function power(t: ExecutionContext, disk: string, variables: string, ...qemu: string[]): Machine {
  const machine = new Machine({ disk, firmware: firmwareArguments(variables), qemu, reboots: true });
  t.teardown(() => machine.stop());
  return machine;
}

async function hashOf(file: string): Promise<string> {
  const hasher = createHash('sha256');
  for await (const chunk of createReadStream(file)) hasher.update(chunk);
  return hasher.digest('hex');
}

test('a machine with an empty disk and firmware in setup mode is installed without a hand on it, and a live medium leaves it alone then', async (t) => {
  t.timeout(20 * 60_000);
  const disk = kit.emptyDisk('machine.img');
  const variables = join(kit.folder, 'variables.fd');
  newVariables(variables);
  const instData = kit.seed('inst-data', {
    'url.txt': 'zot:/run/mos/medium/oci:machine/install:1\n',
    'layout.json': JSON.stringify(small),
  });
  const identity = await newIdentity(kit, 'SN0001', (file) => readFileSync(file, 'utf8'));
  const trustData = kit.seed('trust-data', identity);
  // The disc is asked after the entries that the install makes.
  const drive = disc(medium).map((word) => word.replace(',bootindex=0', ''));
  const tpm = await startTpm(t, join(kit.folder, 'tpm'));
  const machine = power(
    t,
    disk,
    variables,
    ...tpm,
    ...drive,
    ...seedDrive(instData),
    ...seedDrive(trustData),
  );
  await machine.waitFor(/mos: live system 1\.0\.0 of zot:/, 'the live system', 600);
  await machine.waitFor(/installed successfully/, 'the end of the install', 600);
  await machine.login('mos', 600);
  t.is(await machine.run('od -An -t u1 /sys/firmware/efi/efivars/SecureBoot-*'), '   6   0   0   0   1\n');
  const status = JSON.parse(await machine.run('mosctl status --json'));
  t.like(status, {
    running: { generation: 1 },
    productOrigin: 'sudi',
    protection: { secrets: 'released' },
  });
  t.regex(machine.console, /provisioned successfully.*, encrypted\n/s);
  await machine.run('sync');
  await machine.stop();

  const before = await hashOf(disk);
  const visited = power(t, disk, variables, ...(await startTpm(t, join(kit.folder, 'tpm'))), ...disc(medium));
  await visited.waitFor(/mos: live system 1\.0\.0 of zot:/, 'the live system', 600);
  await visited.waitFor(/there is no disk with the label inst-data.*XXX FAIL XXX/s, 'the refusal', 600);
  await visited.stop();
  t.is(await hashOf(disk), before);
});
