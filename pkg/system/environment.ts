import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';

/** SOURCE_DATE_EPOCH (reproducible-builds.org) as RFC 3339; undefined where it is not set. */
export function sourceDate(host: Host): string | undefined {
  const text = host.machine.environment('SOURCE_DATE_EPOCH');
  if (text === undefined || text === '') return undefined;
  if (!/^[0-9]{1,11}$/.test(text))
    throw new MosError(
      'usage',
      `cannot use SOURCE_DATE_EPOCH=${text.slice(0, 40)}: it must be seconds since 1970`,
    );
  return new Date(Number(text) * 1000).toISOString().replace('.000Z', 'Z');
}

/** SOURCE_DATE_EPOCH in seconds, for file systems whose files must have some time; FAT begins in 1980. */
export function sourceSeconds(host: Host): number {
  const date = sourceDate(host);
  return Math.max(firstOfFat, date === undefined ? 0 : Date.parse(date) / 1000);
}

const firstOfFat = 315_532_800;

/** Where conversions have their large files: TMPDIR, which is not ours to make, else /var/tmp, which is on a disk. */
export async function workingFolders(host: Host): Promise<string> {
  const value = host.machine.environment('TMPDIR');
  if (!value?.startsWith('/')) return '/var/tmp';
  const folder = value.replace(/\/+$/, '') || '/';
  if ((await host.files.stat(folder)) === undefined)
    throw new MosError('not-found', `cannot use TMPDIR=${folder}: it is not there`, {
      hint: 'make the folder, or set TMPDIR to another one',
    });
  return folder;
}

/** Where it is remembered which layer was converted to which: XDG_CACHE_HOME; undefined where nobody has a home. */
export function conversionCache(host: Host): string | undefined {
  const [cache, home] = ['XDG_CACHE_HOME', 'HOME'].map((name) => host.machine.environment(name));
  if (cache?.startsWith('/')) return `${cache}/machine/converted`;
  return home?.startsWith('/') ? `${home}/.cache/machine/converted` : undefined;
}
