import { MosError } from '../errors/index.ts';
import { folderOf, type Host, sweepTemporary, temporaryPath, writeAtomic } from '../host/index.ts';
import { checkBody, type Digest } from '../oci/index.ts';
import { type EspCall, onEsp } from './plan.ts';

/** The bytes of a boot file, from wherever they come: they are compared with its digest. */
export type BootFileSource = (bootFile: Digest) => AsyncIterable<Uint8Array>;

/**
 * Makes the calls of a plan on the ESP that is mounted at a folder, each durable before the next. What is written is
 * read back and compared before it gets its name. Unfinished files of an earlier run go first.
 */
export async function applyEsp(
  host: Host,
  at: string,
  calls: readonly EspCall[],
  source: BootFileSource,
): Promise<void> {
  if (calls.length === 0) return;
  for (const folder of [onEsp.bootFiles, onEsp.entries]) {
    await host.files.makeFolder(`${at}/${folder}`, { parents: true });
    await sweepTemporary(host, `${at}/${folder}`);
  }
  for (const call of calls) await applyCall(host, at, call, source);
}

async function applyCall(host: Host, at: string, call: EspCall, source: BootFileSource): Promise<void> {
  const path = `${at}/${call.path}`;
  switch (call.kind) {
    case 'remove':
      return removeFile(host, path);
    case 'rename':
      await host.files.rename(path, `${at}/${call.to}`);
      return syncRenamed(host, `${at}/${call.to}`);
    case 'write':
      await writeAtomic(host, path, call.text);
      await syncRenamed(host, path);
      return compareText(host, path, call.text);
    case 'copy':
      return copyBootFile(host, path, call, source);
  }
}

/**
 * The name goes first, the clusters after it: an open file keeps them. Else a power cut can leave a name whose clusters are
 * free, and when that is removed Linux takes the file system for broken and makes it read-only.
 */
async function removeFile(host: Host, path: string): Promise<void> {
  if ((await host.files.stat(path)) === undefined) return;
  {
    await using _held = await host.files.open(path);
    await host.files.remove(path);
    await host.files.syncFolder(folderOf(path));
  }
  await host.files.syncFolder(folderOf(path));
}

type Copy = Extract<EspCall, { kind: 'copy' }>;

async function copyBootFile(host: Host, path: string, copy: Copy, source: BootFileSource): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    await writeChecked(host, temporary, copy, source(copy.bootFile));
    await compareFile(host, temporary, copy);
    await host.files.rename(temporary, path);
  } catch (error) {
    await host.files.remove(temporary).catch(() => {});
    throw error;
  }
  await syncRenamed(host, path);
}

/**
 * On FAT a folder's entry holds size and first cluster of a file, and Linux writes those of a renamed file with the file
 * and not with the folder: without this a power cut leaves the new name with no content.
 */
export async function syncRenamed(host: Host, path: string): Promise<void> {
  await host.files.writeAt(path, 0, new Uint8Array(0));
  await host.files.syncFolder(folderOf(path));
}

async function writeChecked(
  host: Host,
  path: string,
  copy: Copy,
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  const check = checkBody(describe(copy));
  await using file = await host.files.create(path);
  for await (const chunk of body) {
    check.add(chunk);
    await file.write(chunk);
  }
  check.end();
  await file.sync();
}

async function compareFile(host: Host, path: string, copy: Copy): Promise<void> {
  const check = checkBody(describe(copy));
  for await (const chunk of host.files.stream(path)) check.add(chunk);
  check.end();
}

async function compareText(host: Host, path: string, text: string): Promise<void> {
  if (Buffer.from(await host.files.read(path)).toString() === text) return;
  throw new MosError('corrupt', `cannot use ${path}: it does not read as it was written`, {
    hint: 'check the ESP with fsck.vfat, and its disk',
  });
}

const describe = ({ bootFile, bytes }: Copy) => ({
  mediaType: 'application/octet-stream',
  digest: bootFile,
  size: bytes,
});
