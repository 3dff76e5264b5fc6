import { execFileSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Attack, refused } from '../../helpers/attacks.ts';
import { firmwareArguments, newVariables } from '../../helpers/firmware.ts';
import { type MediumKit, makeMediumKit, plainStick } from '../../helpers/live-medium.ts';
import { Machine } from '../../helpers/vm.ts';

// Somebody writes to a live medium before a machine with Secure Boot is started from it: each change is found.

let kit: MediumKit;
let live: string;
let medium: string;
/** Of a firmware that has the keyset. */
let variables: string;

const power = (t: ExecutionContext, file: string): Machine => {
  const machine = new Machine({
    ...{ disk: kit.emptyDisk('empty.img'), reboots: true, qemu: plainStick(file) },
    firmware: firmwareArguments(variables),
  });
  t.teardown(() => machine.stop());
  return machine;
};

test.before(async (t) => {
  t.timeout(10 * 60_000);
  kit = await makeMediumKit('live-attacks');
  live = await kit.publishLive('livecd');
  medium = await kit.make('mkboot', 'live.iso', '--enrol', 'vm:default', live);
  variables = join(kit.folder, 'variables.fd');
  newVariables(variables);
});
test.after.always(() => kit && rmSync(kit.folder, { recursive: true }));

test.serial('a medium that nobody changed enrols the keyset and boots', async (t) => {
  const machine = power(t, medium);
  await machine.waitFor(/mos: live system 1\.0\.0 of zot:/, 'the live system', 600);
  await machine.waitFor(/this live system does nothing by itself/, 'its end', 600);
  t.regex(machine.console, /UEFI Secure Boot is enabled/);
  await machine.stop();
});

const byFirmware = /.*(Access Denied|Security Violation).*/i;

const attack = test.macro({
  async exec(t: ExecutionContext, name: Attack, how: string, change: (file: string) => void, by: RegExp) {
    const file = join(kit.folder, 'changed.iso');
    copyFileSync(medium, file);
    change(file);
    const machine = power(t, file);
    await machine.waitFor(by, `what refuses ${name}`, 600).catch(() => {});
    await machine.stop();
    t.notRegex(machine.console, /login:/);
    if (by === byFirmware) t.notRegex(machine.console, /Linux version/);
    refused(t, name, how, machine.console, by);
  },
  title: (_, name, how) => `refused: ${name}, ${how}`,
});

test.serial(
  attack,
  'a live medium with an unsigned boot file',
  'the signature is taken off',
  (file) => {
    const [copy, esp] = [join(kit.folder, 'live.efi'), ['-i', `${file}@@${efiImage().at}`]];
    execFileSync('mcopy', ['-n', '-o', ...esp, '::/EFI/mos/live.efi', copy]);
    execFileSync('sbattach', ['--remove', copy], { stdio: 'ignore' });
    execFileSync('mcopy', ['-o', ...esp, copy, '::/EFI/mos/live.efi']);
  },
  byFirmware,
);
test.serial(
  attack,
  'a live medium with an altered boot file',
  'one bit in its initrd',
  (file) => flip(file, efiImage().at + Math.floor(efiImage().bytes / 2)),
  byFirmware,
);
test.serial(
  attack,
  'a live medium with an altered layer',
  'one bit of the root file system, that is read when it is mounted',
  (file) => flip(file, firstLayer()),
  /.*verity.*corrupted.*/,
);

/** The partition with the boot file, which fills most of it. */
function efiImage(): { at: number; bytes: number } {
  const text = execFileSync('xorriso', ['-indev', medium, '-find', '/efi.img', '-exec', 'report_lba'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [, block, , bytes] = /File data lba:\s*0 ,\s*(\d+) ,\s*(\d+) ,\s*(\d+)/.exec(text) ?? [];
  return { at: Number(block) * 2048, bytes: Number(bytes) };
}

/** The biggest blob of the live system, at its front. */
function firstLayer(): number {
  const blobs = join(kit.folder, 'repository/mos/blobs/sha256');
  const sizeOf = (name: string): number => statSync(join(blobs, name)).size;
  const [name = ''] = layersOf(blobs).toSorted((a, b) => sizeOf(b) - sizeOf(a));
  const at = readFileSync(medium).indexOf(readFileSync(join(blobs, name)).subarray(0, 4096));
  if (at < 0) throw new Error('the medium lacks the layer');
  return at + 8;
}

function layersOf(blobs: string): string[] {
  const text = execFileSync('build/mosb', ['manifest', 'inspect', '--json', live], { encoding: 'utf8' });
  const [target] = JSON.parse(text).manifest.targets;
  const image = JSON.parse(readFileSync(join(blobs, target.digest.slice(7)), 'utf8'));
  return image.layers.map((one: { digest: string }) => one.digest.slice(7));
}

function flip(path: string, at: number): void {
  const file = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, at);
  writeSync(file, Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, at);
  closeSync(file);
}
