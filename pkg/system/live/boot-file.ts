import { buildUki } from '../../esp/index.ts';
import { writeAtomic } from '../../host/index.ts';
import { writeEnrolment } from '../bootkit/enrolment.ts';
import { certificateOf, readParts, signFor } from '../bootkit/parts.ts';
import { type Making, pinOf } from './making.ts';
import { renderPin } from './pinned.ts';

/** `\EFI\BOOT\BOOTX64.EFI` is what firmware starts of a medium it doesn't know. */
export const onEsp = {
  loader: 'EFI/BOOT/BOOTX64.EFI',
  bootFile: 'EFI/mos/live.efi',
  keys: 'loader/keys/auto',
} as const;

/** What firmware starts, as the files of an ESP. */
export async function makeBootFile(c: Making): Promise<void> {
  const { host, options, work } = c;
  const { keyset, loader, commandLine, purpose } = options;
  const parts = await readParts(host, options, 'make a live medium');
  const ca = await certificateOf(host, keyset, 'manifest-ca');
  const initrd = await options.initrd(ca, { live: renderPin(pinOf(c)) });
  const esp = `${work}/esp`;
  for (const folder of ['EFI/BOOT', 'EFI/mos', 'loader/entries', onEsp.keys])
    await host.files.makeFolder(`${esp}/${folder}`, { parents: true });
  await writeAtomic(host, `${work}/unsigned.efi`, buildUki({ ...parts, initrd, commandLine }));
  c.signer = await signFor(
    host,
    keyset,
    `uki-${purpose}`,
    `${work}/unsigned.efi`,
    `${esp}/${onEsp.bootFile}`,
  );
  await signFor(host, keyset, 'uefi-db', loader, `${esp}/${onEsp.loader}`);
  await writeEnrolment(host, keyset, `${work}/keys`);
  for (const name of (await host.files.list(`${work}/keys`)).filter((one) => one.endsWith('.auth')))
    await host.files.rename(`${work}/keys/${name}`, `${esp}/${onEsp.keys}/${name}`);
  const enrolment = options.enrol ? 'force' : 'manual';
  const settings = `timeout 0\nconsole-mode keep\nsecure-boot-enroll ${enrolment}\n`;
  await writeAtomic(host, `${esp}/loader/loader.conf`, settings);
  const entry = `title mos live system\nsort-key mos\nefi /${onEsp.bootFile}\n`;
  await writeAtomic(host, `${esp}/loader/entries/live.conf`, entry);
}
