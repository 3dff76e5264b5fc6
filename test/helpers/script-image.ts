import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

// Images of build/images/busybox with another command, for kernels that can map the ids of erofs only.

const from = 'build/images/busybox';
const read = (path: string) => JSON.parse(readFileSync(join(from, path), 'utf8'));
const blob = (digest: string): string => `blobs/sha256/${digest.slice('sha256:'.length)}`;

/** Makes an image that runs a script as root, with erofs layers; returns its reference. */
export function scriptImage(folder: string, name: string, script: string): string {
  const { layers } = read(blob(read('index.json').manifests[0].digest));
  const config = join(folder, `${name}.json`);
  writeFileSync(
    config,
    JSON.stringify({ Entrypoint: ['sh', '-c', script], Env: ['PATH=/bin'], StopSignal: 'SIGKILL' }),
  );
  const [plain, made] = [resolve(folder, `${name}-plain`), resolve(folder, 'scripts')];
  execFileSync(process.execPath, [
    'layouts/images/oci-layout.ts',
    plain,
    '1',
    config,
    join(from, blob(layers[0].digest)),
  ]);
  const to = `oci:${made}:${name}`;
  execFileSync(resolve('build/mosb'), [
    'image',
    'convert',
    '--quiet',
    '--format',
    'erofs',
    `oci:${plain}:1`,
    to,
  ]);
  return to;
}
