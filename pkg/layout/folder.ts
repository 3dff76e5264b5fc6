import { isMosError, MosError } from '../errors/index.ts';
import { folderOf, type Host, sweepTemporary, writeAtomic } from '../host/index.ts';
import { type Digest, digestHex, media } from '../oci/index.ts';

/** Where a layout is and who works on it; `folder` is absolute and free of symbolic links. */
export type LayoutFolder = {
  readonly host: Host;
  readonly folder: string;
  readonly name: string;
  /** For the other one's message when a lock is held. */
  readonly owner: string;
  /** Another repository of the same zot root; undefined where there is none. */
  readonly sibling?: (name: string) => Promise<LayoutFolder | undefined>;
};

/** How long a writer waits for another, in milliseconds: index updates are short, so this means trouble. */
export const lockWait = 60_000;

export const layoutVersion = '1.0.0';
export const indexPath = (at: LayoutFolder): string => `${at.folder}/index.json`;
export const blobsPath = (at: LayoutFolder): string => `${at.folder}/blobs/sha256`;
export const blobPath = (at: LayoutFolder, digest: Digest): string => `${blobsPath(at)}/${digestHex(digest)}`;

/** What is ours alone, out of the way of programs that read the layout. */
export const ownPath = (at: LayoutFolder): string => `${at.folder}/.mos`;
export const partialsPath = (at: LayoutFolder): string => `${ownPath(at)}/partial`;
export const hashedPath = (at: LayoutFolder): string => `${ownPath(at)}/hashed`;
export const indexLockPath = (at: LayoutFolder): string => `${ownPath(at)}/index.lock`;
export const sessionLockPath = (at: LayoutFolder): string => `${ownPath(at)}/session.lock`;

/** Refuses what is no layout of a version we know, or leads elsewhere by a symbolic link. */
export async function checkLayout(at: LayoutFolder): Promise<void> {
  const { host, folder } = at;
  for (const path of [`${folder}/blobs`, blobsPath(at), ownPath(at)])
    if (!['directory', undefined].includes((await host.files.stat(path))?.type))
      throw new MosError('invalid', `cannot open the layout ${folder}: ${path} is no folder`);
  const path = `${folder}/oci-layout`;
  if ((await host.files.stat(path)) === undefined)
    throw new MosError('invalid', `cannot open the layout ${folder}: it has no oci-layout, so it is none`);
  const version = readVersion(await readSmall(host, path, 4096), folder);
  if (version !== layoutVersion)
    throw new MosError(
      'unsupported',
      `cannot open the layout ${folder}: it has version ${JSON.stringify(version)}, this program knows ${layoutVersion}`,
    );
}

function readVersion(bytes: Uint8Array, folder: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)).imageLayoutVersion;
  } catch (cause) {
    throw new MosError('invalid', `cannot open the layout ${folder}: oci-layout is not JSON`, { cause });
  }
}

/** The bytes of a regular file of at most `limit` bytes; links aren't followed. */
export async function readSmall(host: Host, path: string, limit: number): Promise<Uint8Array> {
  await using file = await host.files.open(path, { noFollow: true });
  if (file.size > limit)
    throw new MosError('invalid', `cannot read ${path}: it has ${file.size} bytes, the limit is ${limit}`);
  const bytes = new Uint8Array(file.size);
  const length = await file.read(bytes, 0);
  return bytes.subarray(0, length);
}

const emptyIndex = `${JSON.stringify({ schemaVersion: 2, mediaType: media.index, manifests: [] })}\n`;

/** Makes what is missing of a layout; `oci-layout` comes last, so that what has it is whole. */
export async function createLayout(at: LayoutFolder): Promise<void> {
  const { host, folder } = at;
  if ((await host.files.stat(`${folder}/oci-layout`)) !== undefined) return;
  await prepareForWriting(at);
  await using _lock = await host.files.lock(indexLockPath(at), { wait: lockWait, owner: at.owner });
  if ((await host.files.stat(indexPath(at))) === undefined)
    await writeAtomic(host, indexPath(at), emptyIndex);
  await writeAtomic(
    host,
    `${folder}/oci-layout`,
    `${JSON.stringify({ imageLayoutVersion: layoutVersion })}\n`,
  );
}

/** Makes a folder and those above it, each name synced. */
export async function makeDurableFolder(host: Host, path: string): Promise<void> {
  if (!path.startsWith('/'))
    throw new MosError('usage', `cannot make the folder ${path}: the path must be absolute`);
  if ((await host.files.stat(path)) !== undefined) return;
  await makeDurableFolder(host, folderOf(path));
  try {
    await host.files.makeFolder(path);
  } catch (error) {
    if (!isMosError(error, 'exists')) throw error;
  }
  await host.files.syncFolder(folderOf(path));
}

/** Makes the folders and removes what interrupted writes of index.json left. */
export async function prepareForWriting(at: LayoutFolder): Promise<void> {
  const { host } = at;
  await makeDurableFolder(host, blobsPath(at));
  for (const path of [partialsPath(at), hashedPath(at)]) await host.files.makeFolder(path, { parents: true });
  await using _lock = await host.files.lock(indexLockPath(at), { wait: lockWait, owner: at.owner });
  await sweepTemporary(host, at.folder);
}
