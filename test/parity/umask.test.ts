import { execFileSync } from 'node:child_process';
import { copyFileSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../helpers/folder.ts';
import { addTarImage } from '../helpers/tar-image.ts';

test('what is made is not for others to write, whatever the umask of the caller', async (t) => {
  const folder = await temporaryFolder(t);
  const run = (line: string) =>
    execFileSync('bash', ['-c', `umask 0; exec ${resolve('build')}/${line}`], {
      cwd: folder,
      env: { HOME: folder, PATH: process.env['PATH'] ?? '' },
      stdio: 'ignore',
    });
  run('trust keyset add --key-type ecdsa acme');
  await addTarImage(join(folder, 'images'), 'a', { a: '1' });
  writeFileSync(
    join(folder, 'm.yaml'),
    'version: 1\nproduct: default\nupdate_type: complete\ntargets:\n  - {service_name: a, source: "oci:images:a", version: "1", service_type: fs-only}\n',
  );
  run('mosb manifest publish --project acme:default --repo zot:repo --name m:1 m.yaml');
  mkdirSync(join(folder, 'root/factory/secure'), { recursive: true });
  const keys = join(folder, '.local/share/machine/trust/keys/acme');
  copyFileSync(join(keys, 'manifest-ca/cert.pem'), join(folder, 'root/factory/secure/manifestCA.pem'));
  run('mosctl install -r root zot:repo:m:1');
  const writable = ['.local', '.cache', 'repo', 'root/config', 'root/atomfs-cache'].flatMap((top) =>
    (readdirSync(join(folder, top), { recursive: true }) as string[])
      .map((name) => join(top, name))
      .filter((name) => (lstatSync(join(folder, name)).mode & 0o022) !== 0),
  );
  t.deepEqual(writable, []);
});
