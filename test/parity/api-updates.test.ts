import { execFile, execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { makeApiMachine } from '../helpers/api.ts';
import { addImage, publishRelease } from '../helpers/vendor.ts';

// The released executable on both sides: an update made from afar, step by step.

type Ran = { readonly exit: number; readonly stdout: string; readonly stderr: string };
const run = (...words: readonly string[]) =>
  new Promise<Ran>((resolve) => {
    execFile('build/mosctl', words, (error, stdout, stderr) =>
      resolve({ exit: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });

test('a machine elsewhere is updated step by step as if one were there', async (t) => {
  const { root, vendor, sudiCa } = await makeApiMachine(t);
  const release = async (number: number) =>
    publishRelease(vendor, {
      name: 'machine/web:stable',
      manifest: `update_type: complete
release: ${number}
targets:
  - { service_name: hostfs, source: '${await addImage(vendor, `v${number}`, { 'etc/motd': `${number}` })}', version: ${number}.0.0, service_type: hostfs, nsgroup: none, network: { type: host } }
`,
    });
  await release(1);
  const source = `zot:${vendor.repository}:machine/web:stable`;
  t.is((await run('install', '-r', root, source)).exit, 0);
  const socket = join(root, 'api.sock');
  const daemon = spawn('build/mosctl', ['serve', '-r', root, '--socket', socket], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise((resolve) => daemon.on('close', resolve));
  t.teardown(async () => {
    daemon.kill('SIGTERM');
    await ended;
  });
  await new Promise<void>((resolve) => daemon.stderr.once('data', () => resolve()));
  const far = (...words: readonly string[]) => run(...words, '--host', `unix:${socket}`);
  const near = (...words: readonly string[]) => run(...words, '-r', root);
  const same = async (...words: readonly string[]) =>
    t.deepEqual(await far(...words), await near(...words), words.join(' '));

  await same('update', 'settings');
  const set = await far('update', 'settings', '--source', source, '--window', '02:00-04:00');
  t.deepEqual(set, await near('update', 'settings'));
  await same('update', 'prepare'); // there is nothing: the same error, hint and exit code
  await release(2);
  for (const [word, state] of [
    ['check', 'Available'],
    ['prepare', 'Staged'],
    ['activate', 'Ready'],
    ['deactivate', 'Staged'],
    ['apply', 'Ready'],
  ] as const) {
    const said = await far('update', word);
    t.is(said.stdout, (await near('update', 'status')).stdout, word);
    t.true(said.stdout.startsWith(`${state}: `), said.stdout + said.stderr);
  }
  await release(3);
  const waits = await far('update', 'check');
  t.deepEqual(
    [waits.exit, waits.stderr],
    [9, 'mosctl: cannot refresh: the update is Ready, it must be Idle or Available or Staged\n'],
  );
  await far('update', 'deactivate');
  t.regex((await far('update', 'check', '--json')).stdout, /"update_state": "Available"/);

  await far('hold', '--reason', 'a backup runs', '--minutes', '5');
  t.regex((await near('hold')).stdout, /^uid-0 holds updates until .*: a backup runs\n$/);
  await same('hold');
  t.is((await far('hold', '--release')).stdout, 'nobody holds updates\n');

  const receipt = join(root, 'receipt.json');
  writeFileSync(receipt, (await far('receipt', 'show', '1')).stdout);
  t.regex((await run('receipt', 'verify', '--ca', sudiCa, receipt)).stdout, /generation 1/);
  const bundle = join(root, 'bundle.tar');
  t.is((await far('support-bundle', bundle)).exit, 0);
  const status = execFileSync('tar', ['-xOf', bundle, 'mos-support/status.json'], { encoding: 'utf8' });
  t.deepEqual(JSON.parse(status), JSON.parse((await near('status', '--json')).stdout));
});
