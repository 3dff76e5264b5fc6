import { isMosError } from '../../errors/index.ts';
import { makeFolder, onEsp, putFile, readEsp, renderLoaderSettings } from '../../esp/index.ts';
import { folderOf, type Host } from '../../host/index.ts';
import type { InstallTarget } from '../../manifest/index.ts';
import { inBootkit } from '../bootkit/index.ts';
import type { Machine } from '../machine.ts';
import { mountBootkitImage } from './boot-file.ts';

const { loader, keys, settings } = onEsp;

const ourSettings = renderLoaderSettings('force');

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
  if (await isPlaced(host, at)) return;
  await using image = await mountBootkitImage(host, machine, target);
  const put = async (path: string, content: Uint8Array): Promise<void> => {
    await makeFolder(host, at, folderOf(path));
    await putFile(host, `${at}/${path}`, (file) => file.write(content));
  };
  const read = async (from: string): Promise<Uint8Array> =>
    host.files.read(await host.files.pathBelow(image.at, from));
  for (const name of await keysIn(host, image.at))
    await put(`${keys}/${name}`, await read(`${inBootkit.keys}/${name}`));
  await put(settings, Buffer.from(ourSettings));
  await put(loader, await read(inBootkit.loader));
}

/** A loader beside our settings was put there by us, and may be torn as long as there was no first entry after it. */
async function isPlaced(host: Host, at: string): Promise<boolean> {
  for (const file of [loader, settings])
    if ((await host.files.stat(`${at}/${file}`)) === undefined) return file === settings;
  if (!Buffer.from(ourSettings).equals(await host.files.read(`${at}/${settings}`))) return true;
  return (await readEsp(host, at)).entries.length > 0;
}

async function keysIn(host: Host, image: string): Promise<string[]> {
  try {
    return await host.files.list(await host.files.pathBelow(image, inBootkit.keys));
  } catch (error) {
    if (isMosError(error, 'not-found')) return [];
    throw error;
  }
}
