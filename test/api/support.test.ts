import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { supportBundle } from '../../pkg/api/index.ts';
import { renderTar } from '../../pkg/api/support/tar.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { makeApiMachine } from '../helpers/api.ts';
import { call } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { installFrom } from '../helpers/machine.ts';
import { addProgram, publishRelease } from '../helpers/vendor.ts';

test('a support bundle tells what the machine is and does, and none of its secrets', async (t) => {
  const { root, vendor } = await makeApiMachine(t);
  const image = await addProgram(vendor, 'web', {
    Cmd: ['/bin/busybox'],
    Env: ['TOKEN=s3cr3t-of-the-image'],
  });
  await publishRelease(vendor, {
    manifest: `update_type: complete
targets:
  - { service_name: web, source: '${image}', version: '1', service_type: container, nsgroup: web, network: { type: none }, environment: { TOKEN: s3cr3t-of-the-manifest } }
`,
  });
  await installFrom(root, `zot:${vendor.repository}:machine/install:1.0.0`);
  const file = join(root, 'bundle.tar');
  const { exit, stdout } = await call(['mosctl', '--quiet', 'support-bundle', file, '--root', root]);
  t.deepEqual([exit, stdout.startsWith(`wrote ${file}, `)], [0, true]);
  t.is(statSync(file).mode & 0o777, 0o600);
  t.is((await call(['mosctl', 'support-bundle', file, '--root', root])).exit, 8); // never over what is there
  const names = execFileSync('tar', ['-tf', file], { encoding: 'utf8' }).trim().split('\n');
  const journal = names.pop()?.replace('.missing', '').replace('.txt.txt', '.txt');
  t.deepEqual(
    [...names, journal],
    ['status', 'history', 'services', 'updates', 'audit', 'jobs', 'mounts', 'space', 'versions']
      .map((name) => `mos-support/${name}.json`)
      .concat('mos-support/journal.txt'),
  );
  execFileSync('tar', ['-xf', file, '-C', root]);
  const read = (name: string) => JSON.parse(readFileSync(join(root, 'mos-support', name), 'utf8'));
  t.is(read('status.json').running.generation, 1);
  t.is(read('updates.json').settings.automatic, false);
  t.is(read('audit.json').problem, null);
  const all = readFileSync(file, 'utf8');
  const key = readFileSync(join(root, 'factory/secure/server.key'), 'utf8');
  for (const secret of ['s3cr3t', 'PRIVATE KEY', key.split('\n')[1] ?? '']) t.false(all.includes(secret));
});

test('what can’t be had says why in its place', async (t) => {
  const root = await temporaryFolder(t);
  writeFileSync(join(root, 'bundle.tar'), await supportBundle(linuxHost, { root, version: '0.0.0' }));
  const words = ['-xOf', join(root, 'bundle.tar'), 'mos-support/status.json.missing.txt'];
  t.is(
    execFileSync('tar', words, { encoding: 'utf8' }),
    `state: cannot show the status: nothing is installed below ${root}\n`,
  );
});

test('texts of any length and script are in the archive as they are', async (t) => {
  const folder = await temporaryFolder(t);
  const texts = ['', 'x'.repeat(511), 'x'.repeat(512), 'ä€😀\n', 'a\ud800b'];
  const files = texts.map((text, at) => ({ name: `${at}`, text }));
  writeFileSync(join(folder, 'a.tar'), renderTar(files, new Date('2026-03-01T00:00:00Z')));
  execFileSync('tar', ['-xf', join(folder, 'a.tar'), '-C', folder]);
  t.deepEqual(
    texts.map((_, at) => readFileSync(join(folder, `${at}`), 'utf8')),
    [...texts.slice(0, 4), 'a\ufffdb'],
  );
});
