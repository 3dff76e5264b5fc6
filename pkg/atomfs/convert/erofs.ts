import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { Undo } from '../../undo/index.ts';
import { shown } from './names.ts';
import type { BuildOptions } from './squashfs.ts';
import type { ByteText } from './tar/entry.ts';

export const erofsCompression = 'lz4hc';

/** What mkfs.erofs 1.5 would take by chance. */
const uuid = '00000000-0000-0000-0000-000000000000';

const longestName = 254;
/** Linux PATH_MAX less the NUL. */
const longestPath = 4095;

/** mkfs.erofs 1.5 loses some files without a word, others with one that nobody understands. */
export function refuseNames(paths: Iterable<ByteText>, tree: string): void {
  for (const path of paths) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const why = name.startsWith('lost+found')
      ? 'leaves such names out'
      : name.length > longestName
        ? `cuts names of more than ${longestName} bytes`
        : Buffer.byteLength(tree) + 1 + path.length > longestPath
          ? `reads no paths of more than ${longestPath} bytes, with scratch in front`
          : undefined;
    if (why !== undefined)
      throw new MosError(
        'unsupported',
        `cannot make an erofs layer with ${shown(path)}: mkfs.erofs 1.5 ${why}`,
        {
          hint: 'squashfs keeps all names',
        },
      );
  }
}

export type ErofsOptions = BuildOptions & {
  /** A folder in scratch that isn't there yet: the tree is unpacked to it, and removed. */
  readonly tree: string;
  /** The newest time in the layer. */
  readonly newest: number;
};

/**
 * An erofs from a tar as `renderTar` makes it, with an entry for the root. mkfs.erofs 1.5 reads a tree on disk only, so
 * owners, devices and attributes must be made there first: root may, others may not.
 */
export async function buildErofs(
  host: Host,
  output: string,
  tar: AsyncIterable<Uint8Array>,
  { tree, newest, timeout, signal }: ErofsOptions,
): Promise<void> {
  if (host.machine.uid !== 0)
    throw new MosError(
      'denied',
      'cannot make an erofs layer: only root can unpack owners and devices for it',
      {
        hint: 'run it as root, or make squashfs',
      },
    );
  const run = { timeout, ...(signal === undefined ? {} : { signal }) };
  await using undo = new Undo();
  undo.add(() => host.files.removeTree(tree));
  await host.files.makeFolder(tree, { mode: 0o700 });
  await host.processes.run(
    [
      ...([
        'tar',
        '--extract',
        '--file=-',
        `--directory=${tree}`,
        '--numeric-owner',
        '--same-owner',
      ] as const),
      ...['--same-permissions', '--delay-directory-restore', '--xattrs', '--xattrs-include=*'],
    ],
    { ...run, input: tar },
  );
  await host.processes.run(
    [
      'mkfs.erofs',
      `-z${erofsCompression},${level}`,
      `-C${clusterSize}`,
      `-U${uuid}`,
      '--quiet',
      output,
      tree,
    ],
    // The time of making, and the latest time that a file may have: so it must be the newest of all.
    { ...run, env: { SOURCE_DATE_EPOCH: String(newest) } },
  );
}
const level = 12;
const clusterSize = 65536;
