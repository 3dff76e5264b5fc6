import { randomUUID } from 'node:crypto';
import { MosError } from '../../errors/index.ts';
import { folderOf, type Host, sweepTemporary, temporaryPath, writeAtomic } from '../../host/index.ts';
import type { Credentials } from './issue.ts';

const folderMode = 0o750;
const keyMode = 0o600;
const publicMode = 0o640;

/** A key or certificate that was there before is never touched: each file is new (O_EXCL) and durable. */
async function writeNew(host: Host, path: string, text: string, mode: number): Promise<void> {
  await using file = await host.files.create(path, { mode });
  await file.write(new TextEncoder().encode(text));
  await file.sync();
}

/** Text without a newline at its end: guid, uuid. */
export const writeText = (host: Host, path: string, text: string): Promise<void> =>
  writeNew(host, path, text, publicMode);

export const newFolder = (host: Host, path: string): Promise<void> =>
  host.files.makeFolder(path, { mode: folderMode });

/** A private key, alone in its folder. */
export async function writeKey(host: Host, folder: string, pem: string): Promise<void> {
  await writeNew(host, `${folder}/privkey.pem`, pem, keyMode);
  await host.files.syncFolder(folder);
}

/** A document that is signed and public: whole or not there, and never in place of another. Asks for the lock. */
export async function writeDocument(host: Host, path: string, bytes: Uint8Array): Promise<void> {
  if ((await host.files.stat(path)) !== undefined)
    throw new MosError('exists', `cannot create ${path}: it exists already`);
  await writeAtomic(host, path, bytes, { mode: publicMode });
}

export async function writeCredentials(
  host: Host,
  folder: string,
  made: Credentials,
  guid = false,
): Promise<void> {
  await writeNew(host, `${folder}/privkey.pem`, made.key, keyMode);
  await writeNew(host, `${folder}/cert.pem`, made.certificate, publicMode);
  if (guid) await writeText(host, `${folder}/guid`, randomUUID());
  await host.files.syncFolder(folder);
}

/** One writer at a time below the folder of all keysets; readers need no lock. */
export const lockKeys = (host: Host, keys: string, what: string): Promise<AsyncDisposable> =>
  host.files.lock(`${keys}/.lock`, { wait: 30_000, owner: `trust, ${what}` });

/**
 * Makes `target`, or nothing: `fill` writes into a temporary folder that gets its name at the end. `keys` is the
 * folder of all keysets: its lock and its temporary folders, so that a reader of a keyset never sees a half of one.
 */
export async function makeWhole<T>(
  host: Host,
  keys: string,
  target: string,
  what: string,
  fill: (folder: string) => Promise<T>,
): Promise<T> {
  await host.files.makeFolder(keys, { mode: folderMode, parents: true });
  await using _lock = await lockKeys(host, keys, what);
  await sweepTemporary(host, keys);
  if ((await host.files.stat(target)) !== undefined)
    throw new MosError('exists', `cannot add the ${what}: ${target} is there already`, {
      hint: 'keys are never overwritten; use another name',
    });
  const folder = temporaryPath(`${keys}/x`);
  try {
    await newFolder(host, folder);
    const value = await fill(folder);
    await host.files.syncFolder(folder);
    await host.files.rename(folder, target);
    await host.files.syncFolder(folderOf(target));
    return value;
  } catch (error) {
    await host.files.removeTree(folder).catch(() => {});
    throw error;
  }
}
