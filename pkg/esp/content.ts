import { isMosError } from '../errors/index.ts';
import { type Host, listIfThere, readTextIfThere } from '../host/index.ts';
import { parseEntryName } from './entry.ts';
import { type EntryFile, type EspContent, type EspFile, onEsp } from './plan.ts';

/** Ours are a few lines; whatever is longer is not one we wrote. */
const longestEntry = 4096;

/** What of ours is on the ESP that is mounted at a folder. */
export async function readEsp(host: Host, at: string): Promise<EspContent> {
  const { free, block } = await host.files.space(at);
  const names = (await listIfThere(host, `${at}/${onEsp.entries}`)).filter((name) => parseEntryName(name));
  return {
    bootFiles: await readBootFiles(host, `${at}/${onEsp.bootFiles}`),
    entries: await Promise.all(names.map((name) => readEntry(host, `${at}/${onEsp.entries}`, name))),
    free,
    cluster: block,
  };
}

async function readBootFiles(host: Host, folder: string): Promise<EspFile[]> {
  const files: EspFile[] = [];
  for (const name of await listIfThere(host, folder)) {
    const stat = await host.files.stat(`${folder}/${name}`);
    if (stat?.type === 'file') files.push({ name, bytes: stat.size });
  }
  return files;
}

/** What can't be read as one of ours has no text: the plan then writes it anew. */
async function readEntry(host: Host, folder: string, name: string): Promise<EntryFile> {
  const path = `${folder}/${name}`;
  const stat = await host.files.stat(path);
  if (stat?.type !== 'file' || stat.size > longestEntry) return { name, text: '' };
  try {
    return { name, text: (await readTextIfThere(host, path)) ?? '' };
  } catch (error) {
    if (isMosError(error, 'invalid')) return { name, text: '' };
    throw error;
  }
}
