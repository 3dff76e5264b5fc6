import { execFileSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { firmwareArguments, makeEsp, newVariables, startTpm } from '../helpers/firmware.ts';
import { type MachineKit, makeMachineKit } from '../helpers/machine-kit.ts';
import { Machine } from '../helpers/vm.ts';

// Power-on to login under Secure Boot: firmware in setup mode, systemd-boot, a boot file of ours, dm-verity.

let kit: MachineKit;

test.before(async () => {
  mkdirSync('build/vm', { recursive: true });
  kit = await makeMachineKit(mkdtempSync('build/vm/secure-'));
});
test.after.always(() => kit && rmSync(kit.folder, { recursive: true }));

const secureBoot = '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';

test('a machine with empty firmware enrols the keyset, boots what it signed, and nothing that was changed', async (t) => {
  const root = kit.newRoot('root');
  const reference = await kit.publish({
    name: 'machine/install:1',
    image: '1-console',
    version: '1.0.0',
    release: 1,
    repository: `zot:${resolve(kit.folder, 'repository')}`,
  });
  await kit.command('mosctl', 'install', '-r', root, reference);
  const bootkit = join(kit.folder, 'bootkit');
  const parts = ['--kernel', 'build/kernel', '--preinit', 'build/preinit'];
  await kit.command(
    'mosb',
    'bootkit',
    'build',
    ...parts,
    '--command-line',
    'console=ttyS0 panic=-1',
    'vm',
    bootkit,
  );
  const image = join(bootkit, 'uki-production.efi');
  makeEsp(join(kit.folder, 'esp'), bootkit, [{ name: 'mos-1', title: 'mos 1', version: 1, image }]);
  const disk = kit.disk(root, 'machine.img', join(kit.folder, 'esp'));
  const variables = join(kit.folder, 'variables.fd');
  newVariables(variables);

  const firmware = firmwareArguments(variables);
  const qemu = await startTpm(t, join(kit.folder, 'tpm'));
  const machine = new Machine({ disk, firmware, qemu, reboots: true });
  t.teardown(() => machine.stop());
  await machine.login('mos');
  t.is(await machine.run(`od -An -t u1 ${secureBoot}`), '   6   0   0   0   1\n');
  t.regex(await machine.run('cat /sys/kernel/security/lockdown'), /\[integrity\]/);
  t.is(JSON.parse(await machine.run('mosctl status --json')).running.generation, 1);
  // What was computed from the keys alone is what the firmware measured.
  const { production } = JSON.parse(await kit.command('trust', 'computePCR7', '--json', 'vm'));
  const measured = await machine.run('cat /sys/class/tpm/tpm0/pcr-sha256/7');
  t.is(measured.trim().toLowerCase(), production);
  await machine.stop();

  // One bit of the initrd, in the boot file on the ESP.
  const changed = join(kit.folder, 'changed.efi');
  copyFileSync(image, changed);
  const file = openSync(changed, 'r+');
  const at = 40_000_000;
  writeSync(file, Buffer.of((readFileSync(changed)[at] ?? 0) ^ 1), 0, 1, at);
  closeSync(file);
  const esp = `${disk}@@${1024 * 1024}`;
  execFileSync('mcopy', ['-o', '-i', esp, changed, '::/EFI/mos/mos-1.efi']);
  const attacked = new Machine({ disk, firmware });
  t.teardown(() => attacked.stop());
  await attacked.waitFor(/Access Denied|Security Violation/i, 'the refusal of the firmware');
  await attacked.stop();
  t.notRegex(attacked.console, /Linux version|login:/);
});
