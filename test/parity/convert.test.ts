import { spawnSync } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import test from 'ava';
import { convertImage } from '../../pkg/atomfs/index.ts';
import { linuxHost as host } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import type { ImageManifest } from '../../pkg/oci/index.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { tarEnd, tarEntry, tarOf } from '../helpers/tar.ts';
import {
  emptyLayout,
  gzipLayer,
  type MadeLayer,
  plainLayer,
  putImage,
  readJson,
  zstdLayer,
} from '../helpers/tar-images.ts';

const root = { name: './', type: '5', mode: 0o755 };
const many = Array.from({ length: 300 }, (_, i) => ({ name: `d/${i}`, data: `${i}`.repeat(i * 7) }));
const tar = tarOf(root, { name: 'd', type: '5', mode: 0o711 }, ...many);
const cut = (bytes: Buffer) => [
  bytes.subarray(0, 100_000),
  bytes.subarray(100_000, 100_001),
  bytes.subarray(100_001),
];
const joined = (make: (bytes: Buffer) => MadeLayer, diff: Buffer): MadeLayer => ({
  ...make(diff),
  bytes: Buffer.concat(cut(diff).map((part) => make(part).bytes)),
});
const skippable = Buffer.from([0x5f, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9]);
const chunked = joined(zstdLayer, tar);

/** What Node and Bun do differently by themselves: streams of several parts, and where they end. */
const layers: Readonly<Record<string, MadeLayer>> = {
  'a plain tar': plainLayer(tar),
  gzip: gzipLayer(tar),
  zstd: zstdLayer(tar),
  'gzip of several members': joined(gzipLayer, tar),
  'zstd of several frames': chunked,
  'zstd with skippable frames': { ...chunked, bytes: Buffer.concat([skippable, chunked.bytes, skippable]) },
  'a tar without an end': plainLayer(
    Buffer.concat([tarEntry(root), tarEntry({ name: 'a', data: 'x' })]).subarray(0, -500),
  ),
  'names of any bytes': plainLayer(
    tarOf(root, { name: 'caf\xe9\n', pax: { 'SCHILY.xattr.user.\xff': '\0\xff' } }),
  ),
  'gzip that is cut': { ...gzipLayer(tar), bytes: gzipLayer(tar).bytes.subarray(0, -1) },
  'zstd that is cut': { ...zstdLayer(tar), bytes: zstdLayer(tar).bytes.subarray(0, -1) },
  'bytes behind gzip': {
    ...gzipLayer(tar),
    bytes: Buffer.concat([gzipLayer(tar).bytes, Buffer.alloc(100_000)]),
  },
  'bytes behind zstd': {
    ...zstdLayer(tar),
    bytes: Buffer.concat([zstdLayer(tar).bytes, Buffer.alloc(100_000)]),
  },
  'gzip with a flipped bit': { ...gzipLayer(tar), bytes: flipped(gzipLayer(tar).bytes) },
  'zstd with a flipped bit': { ...zstdLayer(tar), bytes: flipped(zstdLayer(tar).bytes) },
  'a tar with something behind its end': plainLayer(
    Buffer.concat([tarOf(root), tarEnd, Buffer.alloc(5000, 7)]),
  ),
};

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const middle = Math.floor(copy.length / 2);
  copy.writeUInt8(copy.readUInt8(middle) ^ 0x55, middle);
  return copy;
}

for (const [name, layer] of Object.entries(layers))
  test(`the executable converts as Node does: ${name}`, async (t) => {
    const folder = await temporaryFolder(t);
    const source = await emptyLayout(`${folder}/source`);
    await source.tag(await putImage(source, [layer]), 'x');
    await mkdir(`${folder}/tmp`);
    const platform = { os: 'linux', architecture: 'amd64' };
    const inNode = async (): Promise<string> => {
      const target = await emptyLayout(`${folder}/node`);
      const made = await convertImage(host, source, await source.resolve('x'), target, {
        scratch: folder,
        platform,
      });
      return `${made.digest} ${((await readJson(target, made)) as unknown as ImageManifest).layers[0]?.digest}`;
    };
    const inBun = async (): Promise<string> => {
      const argv = ['image', 'convert', '--quiet', '--json', '--fresh', '--platform=linux/amd64'];
      const env = { PATH: process.env.PATH ?? '', TMPDIR: `${folder}/tmp` };
      const result = spawnSync(
        resolve('build/mosb'),
        [...argv, `oci:${folder}/source:x`, `oci:${folder}/bun:x`],
        { env },
      );
      if (result.status !== 0) throw new Error(JSON.parse(result.stderr.toString()).error.message);
      const target = await openLayout(host, `${folder}/bun`);
      const made = await target.resolve('x');
      return `${made.digest} ${((await readJson(target, made)) as unknown as ImageManifest).layers[0]?.digest}`;
    };
    const said = async (run: () => Promise<string>) =>
      run().catch((error: Error & { cause?: Error }) =>
        [error.message, error.cause?.message].filter(Boolean).join(': '),
      );
    const expected = await said(inNode);
    const found = await said(inBun);
    // The command line joins the causes of an error; the innermost ones are the runtime's own words.
    t.true(found === expected || found.startsWith(`${expected}: `), `${found}\n${expected}`);
    t.deepEqual(await readdir(`${folder}/tmp`), []);
  });
