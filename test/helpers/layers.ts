import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { LayerFormat, MoleculeLayer } from '../../pkg/atomfs/index.ts';
import { linuxHost as host } from '../../pkg/host/linux/index.ts';
import { annotationKeys, type Digest } from '../../pkg/oci/index.ts';
import { sealFile } from './seal.ts';

/** A file's text, or what else is at a path. */
export type Entry =
  | string
  | { readonly whiteout: true }
  | { readonly opaque: readonly ('trusted' | 'user')[] };
export type LayerOptions = {
  readonly format?: LayerFormat;
  /** `ours`: the salt of mos; `foreign`: one of its own, as stacker does it; `none`: no tree. */
  readonly tree?: 'ours' | 'foreign' | 'none';
  readonly mode?: number;
};

let count = 0;

/** A real squashfs or erofs layer with these entries, in `<folder>/blobs/sha256`. Needs root for whiteouts. */
export async function makeLayer(
  folder: string,
  entries: Readonly<Record<string, Entry>>,
  options: LayerOptions = {},
): Promise<MoleculeLayer> {
  const { format = 'squashfs', tree = 'ours', mode = 0o755 } = options;
  const base = `${folder}/layer-${count++}`;
  mkdirSync(`${base}/tree`, { recursive: true });
  for (const [path, entry] of Object.entries(entries)) place(`${base}/tree/${path}`, entry);
  execFileSync('chmod', [mode.toString(8), `${base}/tree`]);
  pack(format, `${base}/tree`, `${base}/image`);
  const sealed = tree === 'none' ? plain(`${base}/image`) : await seal(`${base}/image`, tree);
  const hex = sealed.digest.slice('sha256:'.length);
  mkdirSync(`${folder}/blobs/sha256`, { recursive: true });
  renameSync(`${base}/image`, `${folder}/blobs/sha256/${hex}`);
  const compression = format === 'squashfs' ? 'zstd' : 'lz4';
  return {
    file: `${folder}/blobs/sha256/${hex}`,
    descriptor: {
      mediaType: `application/vnd.stacker.image.layer.${format}+${compression}${tree === 'none' ? '' : '+verity'}`,
      digest: sealed.digest,
      size: sealed.size,
      ...(sealed.root === undefined ? {} : { annotations: { [annotationKeys.verityRoot]: sealed.root } }),
    },
  };
}

function place(path: string, entry: Entry): void {
  mkdirSync(dirname(path), { recursive: true });
  if (typeof entry === 'string') writeFileSync(path, entry);
  else if ('whiteout' in entry) execFileSync('mknod', [path, 'c', '0', '0']);
  else {
    mkdirSync(path, { recursive: true });
    for (const kind of entry.opaque)
      execFileSync('setfattr', ['-n', `${kind}.overlay.opaque`, '-v', 'y', path]);
  }
}

function pack(format: LayerFormat, tree: string, image: string): void {
  if (format === 'squashfs')
    execFileSync('mksquashfs', [tree, image, '-comp', 'zstd', '-noappend', '-quiet', '-no-progress']);
  else execFileSync('mkfs.erofs', ['-zlz4', image, tree], { stdio: ['ignore', 'ignore', 'pipe'] });
}

type Sealed = { readonly digest: Digest; readonly size: number; readonly root?: string };

const plain = (image: string): Sealed => ({ digest: digestOfFile(image), size: statSync(image).size });

const digestOfFile = (path: string): Digest =>
  `sha256:${createHash('sha256').update(readFileSync(path)).digest('hex')}` as Digest;

async function seal(image: string, tree: 'ours' | 'foreign'): Promise<Sealed> {
  if (tree === 'ours') return sealFile(image);
  const text = execFileSync('veritysetup', [
    'format',
    `--hash-offset=${statSync(image).size}`,
    image,
    image,
  ]).toString();
  const root = /Root hash:\s+([0-9a-f]{64})/.exec(text)?.[1] ?? '';
  return { ...plain(image), root };
}

/** Mounts and loop devices that have to do with the folder, and all device-mapper devices. */
const stateOf = async (folder: string) => ({
  mounts: (await host.mounts.table()).map(({ target }) => target).filter((path) => path.startsWith(folder)),
  loops: (await host.devices.loops()).map(({ file }) => file).filter((path) => path.startsWith(folder)),
  mapped: (await host.devices.hasDeviceMapper()) ? await host.devices.dmList() : [],
});

/**
 * Fails the test when it leaves a mount, a loop or a device-mapper device in its folder. Call it as soon as there is a
 * folder: what is registered later is taken down before it looks.
 */
export async function leavesNothing(t: ExecutionContext, folder: string): Promise<void> {
  const before = JSON.stringify(await stateOf(folder));
  t.teardown(async () => {
    let after = JSON.stringify(await stateOf(folder));
    // A container that is being started anywhere has a copy of all mounts for a moment.
    for (let tries = 0; after !== before && tries < 100; tries++) {
      await host.clock.sleep(100);
      after = JSON.stringify(await stateOf(folder));
    }
    if (after !== before) throw new Error(`something is left: ${after} and not ${before}`);
  });
}
