import { MosError } from '../errors/index.ts';
import { type Host, readTextIfThere } from '../host/index.ts';
import { checkBody, type Digest } from '../oci/index.ts';
import { parseEntryName } from './entry.ts';
import { makeFolder, putFile, removeFile, syncFile } from './files.ts';
import { type EspCall, onEsp } from './plan.ts';

/** The bytes of a boot file, from wherever they come: they are compared with its digest. */
export type BootFileSource = (bootFile: Digest) => AsyncIterable<Uint8Array>;

/**
 * Makes the calls of a plan on the ESP that is mounted at a folder, each durable before the next. What is written is
 * read back and compared: nothing of it counts before an entry names it, and an entry that is not whole names nothing.
 */
export async function applyEsp(
  host: Host,
  at: string,
  calls: readonly EspCall[],
  source: BootFileSource = nothing,
): Promise<void> {
  if (calls.length === 0) return;
  for (const folder of [onEsp.bootFiles, onEsp.entries]) await makeFolder(host, at, folder);
  await syncEntries(host, `${at}/${onEsp.entries}`);
  for (const call of calls) await applyCall(host, at, call, source);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** The plan counts on those that are there. */
async function syncEntries(host: Host, folder: string): Promise<void> {
  const names = (await host.files.list(folder)).filter((name) => parseEntryName(name));
  if (names.length > 0) await host.files.syncFolder(folder);
  for (const name of names) await syncFile(host, `${folder}/${name}`);
}

async function applyCall(host: Host, at: string, call: EspCall, source: BootFileSource): Promise<void> {
  const path = `${at}/${call.path}`;
  switch (call.kind) {
    case 'remove':
      if (call.path.startsWith(onEsp.entries)) await silence(host, path);
      return removeFile(host, path);
    case 'write':
      await silence(host, path);
      await putFile(host, path, (file) => file.write(Buffer.from(call.text)));
      return compareText(host, path, call.text);
    case 'copy':
      return copyBootFile(host, path, call, source(call.bootFile));
  }
}

/**
 * An entry says nothing before it goes: its cluster may be that of the next one, whose name a power cut can leave without its
 * text. It is one sector, which a disk writes as a whole.
 */
async function silence(host: Host, path: string): Promise<void> {
  const stat = await host.files.stat(path);
  if (stat?.type === 'file')
    await host.files.writeAt(path, 0, Buffer.alloc(Math.min(stat.size, sector), '\n'));
}

const sector = 512;

type Copy = Extract<EspCall, { kind: 'copy' }>;

async function copyBootFile(
  host: Host,
  path: string,
  copy: Copy,
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  const written = checkBody(describe(copy));
  await putFile(host, path, async (file) => {
    for await (const chunk of body) {
      written.add(chunk);
      await file.write(chunk);
    }
    written.end();
  });
  const read = checkBody(describe(copy));
  for await (const chunk of host.files.stream(path)) read.add(chunk);
  read.end();
}

async function compareText(host: Host, path: string, text: string): Promise<void> {
  if ((await readTextIfThere(host, path)) === text) return;
  throw new MosError('corrupt', `cannot use ${path}: it does not read as it was written`, {
    hint: 'check the ESP with fsck.vfat, and its disk',
  });
}

const describe = ({ bootFile, bytes }: Copy) => ({
  mediaType: 'application/octet-stream',
  digest: bootFile,
  size: bytes,
});
