import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeExt4 } from './disk.ts';

/** A disk with a Debian that has cryptsetup, and these files in /given. */
export function makeToolsDisk(file: string, given: Readonly<Record<string, string>>): void {
  const blobs = 'build/images/guest/blobs/sha256';
  const { manifests } = JSON.parse(readFileSync('build/images/guest/index.json', 'utf8'));
  const manifest = JSON.parse(readFileSync(`${blobs}/${manifests[0].digest.slice(7)}`, 'utf8'));
  const folder = `${file}.d`;
  mkdirSync(join(folder, 'given'), { recursive: true });
  execFileSync('tar', ['-xf', `${blobs}/${manifest.layers[0].digest.slice(7)}`, '-C', folder]);
  for (const [name, from] of Object.entries(given)) cpSync(from, join(folder, 'given', name));
  makeExt4(file, 1536, { folder });
  rmSync(folder, { recursive: true });
}
