import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

// Images of build/images with mountable layers, kept in build/vm/images: converting takes longest, and changes least.

export type WantedImage = {
  /** A folder of build/images. */
  readonly name: string;
  readonly tag?: string;
  readonly format?: 'squashfs' | 'erofs';
};

/** The reference of the converted image, for the `source` of an import file. */
export async function convertedImage({ name, tag = '1', format = 'squashfs' }: WantedImage): Promise<string> {
  const source = resolve('build/images', name);
  const converted = resolve('build/vm/images');
  mkdirSync(converted, { recursive: true });
  const to = `${name}-${tag}-${format}-${digestOf(source, tag).slice(7, 23)}`;
  const mark = join(converted, `.${to}`);
  const there = `oci:${converted}:${to}`;
  if (existsSync(mark)) return there;
  const words = ['image', 'convert', '--quiet', '--format', format, `oci:${source}:${tag}`, there];
  await promisify(execFile)(resolve('build/mosb'), words);
  writeFileSync(mark, '');
  return there;
}

function digestOf(layout: string, tag: string): string {
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  const named = (entry: { annotations: Record<string, string> }) =>
    entry.annotations['org.opencontainers.image.ref.name'] === tag;
  return manifests.find(named).digest;
}
