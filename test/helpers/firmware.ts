import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

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
