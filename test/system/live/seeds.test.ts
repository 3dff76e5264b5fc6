import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { readInstallSeed } from '../../../pkg/system/live/seeds.ts';
import { temporaryFolder } from '../../helpers/folder.ts';

test('a seed with nothing but a manifest', async (t) => {
  const folder = await temporaryFolder(t);
  writeFileSync(join(folder, 'url.txt'), '\nregistry.example.com/machine/web:1\n');
  t.deepEqual(await readInstallSeed(linuxHost, folder), {
    reference: 'registry.example.com/machine/web:1',
    ...{ disk: undefined, layout: undefined, registryCa: undefined, unencrypted: false },
  });
});

test('a seed with everything', async (t) => {
  const folder = await temporaryFolder(t);
  const files = { 'url.txt': 'a/b:1', 'disk.txt': '/dev/vdb\n', 'layout.json': '[]', 'registry-ca.pem': 'x' };
  for (const [name, text] of Object.entries({ ...files, unencrypted: '' }))
    writeFileSync(join(folder, name), text);
  t.deepEqual(await readInstallSeed(linuxHost, folder), {
    reference: 'a/b:1',
    disk: '/dev/vdb',
    layout: join(folder, 'layout.json'),
    registryCa: join(folder, 'registry-ca.pem'),
    unencrypted: true,
  });
});

const refused = test.macro(async (t, files: Readonly<Record<string, string>>, message: string | RegExp) => {
  const folder = await temporaryFolder(t);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  await t.throwsAsync(readInstallSeed(linuxHost, folder), { message });
});
test('two manifests', refused, { 'url.txt': 'a/b:1\nc/d:2\n' }, 'cannot use url.txt of inst-data: it must have one line'); // biome-ignore format: one line
test('an empty name of a disk', refused, { 'url.txt': 'a/b:1', 'disk.txt': '\n' }, 'cannot use disk.txt of inst-data: it must have one line'); // biome-ignore format: one line
test('no manifest', refused, {}, /cannot read .*url\.txt/);
