import { isMosError } from '../../errors/index.ts';
import { onEsp, renderLoaderSettings, syncRenamed } from '../../esp/index.ts';
import { folderOf, type Host, sweepTemporary, writeAtomic } from '../../host/index.ts';
import type { InstallTarget } from '../../manifest/index.ts';
import { inBootkit } from '../bootkit/index.ts';
import type { Machine } from '../machine.ts';
import { mountBootkitImage } from './boot-file.ts';

const { loader, keys, settings } = onEsp;

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
  const copy = async (from: string, to: string): Promise<void> =>
    write(host, `${at}/${to}`, await host.files.read(await host.files.pathBelow(image.at, from)));
  const names = await keysIn(host, image.at);
  const files = [...names.map((name) => `${keys}/${name}`), settings, loader];
  for (const folder of new Set(files.map((file) => folderOf(`${at}/${file}`))))
    await prepareFolder(host, folder);
  for (const name of names) await copy(`${inBootkit.keys}/${name}`, `${keys}/${name}`);
  await write(host, `${at}/${settings}`, renderLoaderSettings('force'));
  await copy(inBootkit.loader, loader);
}

/** What an interrupted run left there goes: nobody else would take it away. */
async function prepareFolder(host: Host, folder: string): Promise<void> {
  await host.files.makeFolder(folder, { parents: true });
  await sweepTemporary(host, folder);
}

async function write(host: Host, path: string, content: string | Uint8Array): Promise<void> {
  await writeAtomic(host, path, content);
  await syncRenamed(host, path);
}

async function keysIn(host: Host, image: string): Promise<string[]> {
  try {
    return await host.files.list(await host.files.pathBelow(image, inBootkit.keys));
  } catch (error) {
    if (isMosError(error, 'not-found')) return [];
    throw error;
  }
}
