import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Owner } from './registries/process.ts';

// What lies on the EFI system partition, and the firmware that reads it.

const firmware = '/usr/share/OVMF/OVMF_CODE_4M.secboot.fd';
const emptyVariables = '/usr/share/OVMF/OVMF_VARS_4M.fd';

export type BootEntry = {
  readonly name: string;
  readonly title: string;
  readonly version: number;
  readonly image: string;
};

/** An ESP as systemd-boot wants it; the keys are enrolled by it where the firmware is in setup mode, then it restarts. */
export function makeEsp(folder: string, bootkit: string, entries: readonly BootEntry[]): void {
  for (const path of ['EFI/BOOT', 'EFI/mos', 'loader/entries', 'loader/keys/auto'])
    mkdirSync(join(folder, path), { recursive: true });
  copyFileSync(join(bootkit, 'loader.efi'), join(folder, 'EFI/BOOT/BOOTX64.EFI'));
  for (const name of ['PK', 'KEK', 'db'])
    cpSync(join(bootkit, 'keys', `${name}.auth`), join(folder, 'loader/keys/auto', `${name}.auth`));
  writeFileSync(
    join(folder, 'loader/loader.conf'),
    'timeout 0\nconsole-mode keep\nsecure-boot-enroll force\n',
  );
  for (const { name, title, version, image } of entries) {
    copyFileSync(image, join(folder, `EFI/mos/${name}.efi`));
    writeFileSync(
      join(folder, `loader/entries/${name}.conf`),
      `title ${title}\nversion ${version}\nsort-key mos\nefi /EFI/mos/${name}.efi\n`,
    );
  }
}

/** Firmware with variables of its own, kept in the file; in setup mode at first. One processor: SMM is dear with two. */
export function firmwareArguments(variables: string): string[] {
  return [
    ...['-machine', 'q35,smm=on', '-smp', '1'],
    ...['-global', 'driver=cfi.pflash01,property=secure,value=on', '-global', 'ICH9-LPC.disable_s3=1'],
    ...['-drive', `if=pflash,format=raw,unit=0,readonly=on,file=${firmware}`],
    ...['-drive', `if=pflash,format=raw,unit=1,file=${variables}`],
  ];
}

export const newVariables = (file: string): void => copyFileSync(emptyVariables, file);

/** A TPM of software; the folder is the TPM, new where there is none. It ends with the machine that uses it. */
export async function startTpm(t: Owner, folder: string): Promise<string[]> {
  const state = resolve(folder);
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true });
    execFileSync('swtpm_setup', ['--tpm2', '--tpmstate', state, '--pcr-banks', 'sha256']);
  }
  // A path of a socket has at most 107 bytes.
  const socket = `/tmp/mos-tpm-${process.pid}-${Date.now()}`;
  const control = ['--ctrl', `type=unixio,path=${socket}`, '--terminate'];
  const tpm = spawn('swtpm', ['socket', '--tpm2', '--tpmstate', `dir=${state}`, ...control], {
    stdio: 'ignore',
  });
  t.teardown(() => tpm.kill());
  for (let tries = 0; tries < 200 && !existsSync(socket); tries++) await wait(50);
  return [
    ...['-chardev', `socket,id=tpm,path=${socket}`, '-tpmdev', 'emulator,id=tpm0,chardev=tpm'],
    ...['-device', 'tpm-tis,tpmdev=tpm0'],
  ];
}
