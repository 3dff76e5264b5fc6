import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { umount } from '../../pkg/system/index.ts';
import { addBootkit } from '../helpers/bootkit-image.ts';
import { addImage, makeVendor, publishRelease } from '../helpers/vendor.ts';

/** Of each disk that is installed on. */
export const mebibytes = 1100;

/** A manifest of a hostfs and a bootkit, and the CA to believe it by. */
export async function publishMachine(t: ExecutionContext): Promise<{ ca: string; reference: string }> {
  const vendor = await makeVendor(t);
  const bootkit = await addBootkit(vendor.images, 'k1', Buffer.alloc(5000, 'k1'));
  const hostfs = await addImage(vendor, 'h1', { h1: 'h1' });
  const { reference } = await publishRelease(vendor, {
    manifest: `update_type: complete
release: 1
targets:
  - {service_name: hostfs, source: "${hostfs}", version: "1", service_type: hostfs}
  - {service_name: bootkit, source: "${bootkit}", version: "1", service_type: fs-only}
`,
  });
  return { ca: vendor.ca, reference };
}

/** As a reboot would. */
export async function unmountAll(): Promise<void> {
  await umount(linuxHost, { root: '/run/mos/install', all: true });
  const places = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  for (const place of places.filter((one) => one.startsWith('/run/mos/install/')).reverse())
    execFileSync('umount', [place]);
}

/** What the firmware and the boot loader need is there, once. */
export function checkEsp(t: ExecutionContext, esp: string, what: string): void {
  t.deepEqual(readdirSync(join(esp, 'loader/entries')), ['mos-1+3.conf'], what);
  t.is(readdirSync(join(esp, 'EFI/mos')).length, 1, what);
  t.true(existsSync(join(esp, 'EFI/BOOT/BOOTX64.EFI')), what);
}
