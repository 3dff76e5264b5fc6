import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { annotationKeys, type Descriptor, media } from '../../pkg/oci/index.ts';
import { type Content, content } from './images.ts';

/** Files of a layer: path to text. Those in bin/ and sbin/ are programs. */
export type LayerFiles = Readonly<Record<string, string | Uint8Array>>;
/** The same with links, by where they lead. */
export type LayerEntries = Readonly<Record<string, string | Uint8Array | { readonly link: string }>>;

/**
 * A squashfs layer with a verity tree, made by mksquashfs and veritysetup, as somebody else's tools make it. Bytes
 * depend on the files only.
 */
export function makeLayer(files: LayerEntries): Promise<Content> {
  const key = JSON.stringify(
    Object.entries(files).map(([path, data]) => [path, 'link' in Object(data) ? data : data.toString()]),
  );
  const known = made.get(key) ?? buildLayer(files);
  made.set(key, known);
  return known;
}

const made = new Map<string, Promise<Content>>();

async function buildLayer(files: LayerEntries): Promise<Content> {
  const work = await mkdtemp(join(tmpdir(), 'mos-layer-'));
  try {
    for (const [path, data] of Object.entries(files)) {
      mkdirSync(dirname(join(work, 'root', path)), { recursive: true });
      if (typeof data === 'object' && 'link' in data) {
        symlinkSync(data.link, join(work, 'root', path));
        continue;
      }
      writeFileSync(join(work, 'root', path), data);
      if (/(^|\/)s?bin\//.test(path)) chmodSync(join(work, 'root', path), 0o755);
    }
    const image = join(work, 'layer');
    execFileSync(
      'mksquashfs',
      [
        join(work, 'root'),
        image,
        '-noappend',
        '-quiet',
        '-no-progress',
        '-comp',
        'zstd',
        '-all-root',
        '-mkfs-time',
        '0',
        '-all-time',
        '0',
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    return sealed(image);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Appends the tree as FORMATS 7 says. */
function sealed(image: string): Content {
  const hashOffset = Math.ceil(statSync(image).size / 4096) * 4096;
  truncateSync(image, hashOffset);
  const answer = execFileSync(
    'veritysetup',
    [
      'format',
      `--hash-offset=${hashOffset}`,
      `--data-blocks=${hashOffset / 4096}`,
      `--salt=${'00'.repeat(32)}`,
      '--uuid=6d6f7300-0000-4000-8000-000000000000',
      image,
      image,
    ],
    { encoding: 'utf8' },
  );
  const root = /Root hash:\s+([0-9a-f]{64})/.exec(answer)?.[1] ?? '';
  const made = content(`${media.squashfsPrefix}+zstd+verity`, readFileSync(image));
  const annotations = { [annotationKeys.verityRootSquashfs]: root };
  return { ...made, descriptor: { ...made.descriptor, annotations } };
}

export type AtomfsImage = {
  readonly root: Descriptor;
  readonly manifest: Content;
  readonly config: Content;
  readonly layers: readonly Content[];
};

/** An image of such layers, bottom first; `run` says how it is run (image-spec 1.1 config.md). */
export function imageOf(
  layers: readonly Content[],
  run: Readonly<Record<string, unknown>> = { Cmd: ['/bin/true'] },
  annotations?: Readonly<Record<string, string>>,
): AtomfsImage {
  const config = content(media.config, {
    architecture: 'amd64',
    os: 'linux',
    config: run,
    rootfs: { type: 'layers', diff_ids: layers.map(({ descriptor }) => descriptor.digest) },
  });
  const manifest = content(media.manifest, {
    schemaVersion: 2,
    mediaType: media.manifest,
    config: config.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
    ...(annotations && { annotations }),
  });
  return { root: manifest.descriptor, manifest, config, layers };
}
