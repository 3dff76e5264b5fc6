import { createPrivateKey, generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { keyIdOf, type MetadataOf, readMetadata, type TufRole } from '../channel/metadata.ts';
import { Refusal } from '../refusals.ts';
import { type KeysOptions, keysetFolder } from './folder.ts';
import { makeWhole, newFolder, writeKey } from './store.ts';

/** A key of a role; its id follows from its public half. */
export type TufKey = { readonly id: string; readonly publicHex: string; readonly key: KeyObject };

const generate = promisify(generateKeyPair);

/** Ed25519: every implementation of TUF has it. The private key is in nobody's hands but the caller's until it is written. */
export async function generateTufKey(): Promise<TufKey> {
  const { privateKey } = await generate('ed25519');
  return toTufKey(privateKey);
}

function toTufKey(key: KeyObject): TufKey {
  const { x = '' } = key.export({ format: 'jwk' });
  const publicHex = Buffer.from(x, 'base64url').toString('hex');
  return { id: keyIdOf(publicHex), publicHex, key };
}

export const signWithTufKey = ({ key }: TufKey, bytes: Uint8Array): string =>
  sign(null, bytes, key).toString('hex');

/** `keyset/tuf`: a folder per role with a folder per key, and the roots that were made. */
export const tufFolder = async (host: Host, keyset: string, options: KeysOptions): Promise<string> =>
  `${await keysetFolder(host, keyset, options)}/tuf`;
const keyFolder = (tuf: string, role: TufRole, id: string): string => `${tuf}/${role}/${id}`;
export const rootFile = (tuf: string, version: number): string => `${tuf}/roots/${version}.root.json`;

export const writeTufKey = (host: Host, folder: string, { key }: TufKey): Promise<void> =>
  writeKey(host, folder, key.export({ format: 'pem', type: 'pkcs8' }).toString());

/** Puts one more key beside those that are there; `keys` is the folder of all keysets. */
export const addTufKey = (host: Host, keys: string, tuf: string, role: TufRole, key: TufKey): Promise<void> =>
  makeWhole(host, keys, keyFolder(tuf, role, key.id), `key ${key.id}`, (folder) =>
    writeTufKey(host, folder, key),
  );

/** The key where it is here: people take keys away, and bring them for a ceremony. */
export async function readTufKey(
  host: Host,
  tuf: string,
  role: TufRole,
  id: string,
): Promise<TufKey | undefined> {
  const path = `${keyFolder(tuf, role, id)}/privkey.pem`;
  if ((await host.files.stat(path)) === undefined) return undefined;
  const key = parseKey(await host.files.read(path), path);
  if (key.id !== id) throw new MosError('untrusted', `cannot use ${path}: it is the key ${key.id}`);
  return key;
}

/** The error never quotes what is in the file. */
function parseKey(bytes: Uint8Array, path: string): TufKey {
  try {
    const key = createPrivateKey(Buffer.from(bytes));
    if (key.asymmetricKeyType === 'ed25519') return toTufKey(key);
  } catch {}
  throw new MosError('invalid', `cannot use ${path}: it is no Ed25519 key in PEM without a password`);
}

export type KeysetRoot = { readonly root: MetadataOf<'root'>; readonly bytes: Uint8Array };

async function readRoot(bytes: Uint8Array, file: string): Promise<MetadataOf<'root'>> {
  try {
    return await readMetadata('root', bytes, file);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new MosError('corrupt', `cannot use the keyset: ${error.message}`);
  }
}

/** The roots of a keyset, the oldest first. */
export async function readRoots(
  host: Host,
  keyset: string,
  options: KeysOptions,
): Promise<{ readonly roots: readonly KeysetRoot[]; readonly newest: KeysetRoot }> {
  const tuf = await tufFolder(host, keyset, options);
  const roots: KeysetRoot[] = [];
  for (let version = 1; (await host.files.stat(rootFile(tuf, version))) !== undefined; version++) {
    const bytes = await host.files.read(rootFile(tuf, version));
    roots.push({ bytes, root: await readRoot(bytes, rootFile(tuf, version)) });
  }
  const newest = roots.at(-1);
  if (newest !== undefined) return { roots, newest };
  throw new MosError(
    'not-found',
    `cannot sign for channels: the keyset ${keyset} has no keys for their roles`,
    {
      hint: `make them: trust tuf-keys add ${keyset}`,
    },
  );
}

export async function newTufFolders(host: Host, folder: string, roles: readonly TufRole[]): Promise<void> {
  for (const name of [...roles, 'roots', 'channels']) await newFolder(host, `${folder}/${name}`);
}
