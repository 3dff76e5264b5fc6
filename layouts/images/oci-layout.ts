// Puts an image of plain tar layers into an OCI layout: oci-layout.ts LAYOUT TAG CONFIG.json LAYER.tar[.zst]…
// CONFIG.json is the "config" object of the image (Entrypoint, Env, …). Layers are linked, not copied, where possible.
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  createReadStream,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';

type Descriptor = { mediaType: string; digest: string; size: number; annotations?: Record<string, string> };

const [layout, tag, configFile, ...tars] = process.argv.slice(2);
if (!layout || !tag || !configFile || tars.length === 0)
  throw new Error('usage: oci-layout.ts LAYOUT TAG CONFIG.json LAYER.tar[.zst]…');
const blobs = `${layout}/blobs/sha256`;
mkdirSync(blobs, { recursive: true });

const layers = await Promise.all(tars.map(addLayer));
const created = new Date(Number(process.env.SOURCE_DATE_EPOCH ?? 0) * 1000).toISOString().replace('.000', '');
const config = addDocument('application/vnd.oci.image.config.v1+json', {
  created,
  architecture: 'amd64',
  os: 'linux',
  config: JSON.parse(readFileSync(configFile, 'utf8')),
  rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
  history: tars.map(() => ({ created, created_by: 'layouts/images' })),
});
const manifest = addDocument('application/vnd.oci.image.manifest.v1+json', {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  config,
  layers: layers.map(({ descriptor }) => descriptor),
});
addTag(manifest);

async function addLayer(tar: string): Promise<{ descriptor: Descriptor; diffId: string }> {
  const isZstd = tar.endsWith('.zst');
  const digest = await sha256Of(tar);
  const blob = `${blobs}/${digest}`;
  if (!existsSync(blob)) link(tar, blob);
  return {
    descriptor: {
      mediaType: `application/vnd.oci.image.layer.v1.tar${isZstd ? '+zstd' : ''}`,
      digest: `sha256:${digest}`,
      size: statSync(tar).size,
    },
    diffId: `sha256:${isZstd ? await sha256Of(tar, createZstdDecompress()) : digest}`,
  };
}

async function sha256Of(file: string, ...through: Transform[]): Promise<string> {
  const hash = createHash('sha256');
  await pipeline([createReadStream(file, { highWaterMark: 1 << 20 }), ...through, hash]);
  return hash.digest('hex');
}

function link(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to); // another file system
  }
}

function addDocument(mediaType: string, value: unknown): Descriptor {
  const text = JSON.stringify(value);
  const digest = createHash('sha256').update(text).digest('hex');
  writeFileSync(`${blobs}/${digest}`, text);
  return { mediaType, digest: `sha256:${digest}`, size: Buffer.byteLength(text) };
}

function addTag(descriptor: Descriptor): void {
  const file = `${layout}/index.json`;
  const index = existsSync(file)
    ? JSON.parse(readFileSync(file, 'utf8'))
    : { schemaVersion: 2, manifests: [] };
  const name = 'org.opencontainers.image.ref.name';
  const others = index.manifests.filter((entry: Descriptor) => entry.annotations?.[name] !== tag);
  index.manifests = [...others, { ...descriptor, annotations: { [name]: tag } }];
  writeFileSync(file, JSON.stringify(index));
  writeFileSync(`${layout}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
}
