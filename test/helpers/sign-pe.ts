import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { openssl } from './keyset.ts';

/** Signs an image with sbsign and a key of its own. */
export async function signPe(folder: string, image: Buffer): Promise<{ bytes: Buffer; certificate: Buffer }> {
  openssl(
    folder,
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'key',
    '-out',
    'cert',
    '-subj',
    '/CN=UEFI DB',
  );
  await writeFile(`${folder}/image`, image);
  const argv = ['--key', 'key', '--cert', 'cert', '--output', 'signed', 'image'];
  execFileSync('sbsign', argv, { cwd: folder, stdio: 'pipe' });
  return { bytes: await readFile(`${folder}/signed`), certificate: await readFile(`${folder}/cert`) };
}
