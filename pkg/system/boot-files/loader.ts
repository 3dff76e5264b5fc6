import { isMosError } from '../../errors/index.ts';
import { syncRenamed } from '../../esp/index.ts';
import { type Host, writeAtomic } from '../../host/index.ts';
import type { InstallTarget } from '../../manifest/index.ts';
import { inBootkit } from '../bootkit/index.ts';
import type { Machine } from '../machine.ts';
import { mountBootkitImage } from './boot-file.ts';

const loader = 'EFI/BOOT/BOOTX64.EFI';
const keys = 'loader/keys/auto';
const settings = 'loader/loader.conf';
/** No default: a pattern there would choose entries that have no tries left. Firmware in setup mode gets the keyset. */
const settingsText = 'timeout 0\nconsole-mode keep\nsecure-boot-enroll force\n';

/**
 * A new ESP gets the boot loader and the files that enrol its keyset; the loader comes last, for by it the firmware finds
 * the disk. One that is there stays: no fall-back would help against a bad one.
 */
export async function placeLoader(
  host: Host,
  machine: Machine,
  at: string,
  target: InstallTarget,
): Promise<void> {
  if ((await host.files.stat(`${at}/${loader}`)) !== undefined) return;
  await using image = await mountBootkitImage(host, machine, target);
  const copy = async (from: string, to: string): Promise<void> => {
    await host.files.makeFolder(`${at}/${to.replace(/\/[^/]*$/, '')}`, { parents: true });
    await writeAtomic(host, `${at}/${to}`, await host.files.read(await host.files.pathBelow(image.at, from)));
    await syncRenamed(host, `${at}/${to}`);
  };
  for (const name of await keysIn(host, image.at)) await copy(`${inBootkit.keys}/${name}`, `${keys}/${name}`);
  await writeAtomic(host, `${at}/${settings}`, settingsText);
  await syncRenamed(host, `${at}/${settings}`);
  await copy(inBootkit.loader, loader);
}

async function keysIn(host: Host, image: string): Promise<string[]> {
  try {
    return await host.files.list(await host.files.pathBelow(image, inBootkit.keys));
  } catch (error) {
    if (isMosError(error, 'not-found')) return [];
    throw error;
  }
}
