import type { Host } from '../../host/index.ts';
import type { LayerFormat } from '../layer.ts';
import { buildErofs, erofsCompression, refuseNames } from './erofs.ts';
import type { Folder } from './node.ts';
import type { Part } from './parts.ts';
import { listRecords, rootRecord, type TarRecord } from './records.ts';
import { renderTar } from './render.ts';
import { buildSquashfs, squashfsCompression } from './squashfs.ts';
import { correctRoot } from './squashfs-root.ts';
import { padded } from './tar/entry.ts';
import { endBlocks } from './tar/writer.ts';

export const compressionOf = (format: LayerFormat): string =>
  format === 'squashfs' ? squashfsCompression : erofsCompression;

export type BuildInput = {
  readonly format: LayerFormat;
  /** The tar in scratch that the tree's contents are in. Names beside it are used for what is made. */
  readonly archive: string;
  /** Tars of layers below, by their number, where files of the tree have their contents. */
  readonly borrowed: ReadonlyMap<number, string>;
  readonly root: Folder;
  readonly signal: AbortSignal;
  readonly report: (done: number, total: number) => void;
};

/** The largest number of milliseconds that a timer takes. */
const longestTimeout = 2 ** 31 - 1;

/** Ten minutes, and the time for half a megabyte a second: a limit for a program that hangs, not for a slow machine. */
const timeoutFor = (bytes: number): number => Math.min(600_000 + Math.ceil(bytes / 500), longestTimeout);

/** A file system of a layer's tree. */
export async function buildFileSystem(host: Host, input: BuildInput): Promise<Part[]> {
  const { archive, borrowed, root, signal } = input;
  const output = `${archive}.${input.format}`;
  const isErofs = input.format === 'erofs';
  const records = [...(isErofs ? [rootRecord(root)] : []), ...listRecords(root)];
  const total = records.reduce((sum, { content }) => sum + padded(content?.size ?? 0), endBlocks);
  const options = { timeout: timeoutFor(total), signal };
  const tar = counted(renderTar(host, archive, records, borrowed), (done) =>
    input.report(Math.min(done, total), total),
  );
  if (!isErofs) {
    await buildSquashfs(host, output, tar, options);
    return correctRoot(host, output, root.attributes, idsOf(records));
  }
  const tree = `${archive}.tree`;
  refuseNames(
    records.map(({ path }) => path),
    tree,
  );
  const newest = records.reduce((latest, { attributes }) => Math.max(latest, attributes.mtime), 0);
  await buildErofs(host, output, tar, { ...options, tree, newest });
  return [{ file: output, start: 0, end: (await host.files.stat(output))?.size ?? 0 }];
}

const idsOf = (records: readonly TarRecord[]): Set<number> =>
  new Set(records.flatMap(({ attributes }) => [attributes.uid, attributes.gid]));

async function* counted(
  body: AsyncIterable<Uint8Array>,
  report: (done: number) => void,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const chunk of body) {
    yield chunk;
    done += chunk.length;
    report(done);
  }
}
