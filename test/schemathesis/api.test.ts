import { execFile, spawn } from 'node:child_process';
import { resolve as absolute, join } from 'node:path';
import test from 'ava';
import { makeApiMachine } from '../helpers/api.ts';
import { installFrom } from '../helpers/machine.ts';
import { addImage, publishRelease } from '../helpers/vendor.ts';

test('whatever the document allows or forbids is answered as it says', async (t) => {
  const machine = await makeApiMachine(t);
  const { root, vendor } = machine;
  const image = await addImage(vendor, 'data', { 'etc/motd': 'hello' });
  await publishRelease(vendor, {
    manifest: `update_type: complete
targets:
  - { service_name: data, source: '${image}', version: 1.0.0, service_type: fs-only, nsgroup: none, network: { type: none } }
`,
  });
  await installFrom(root, `zot:${vendor.repository}:machine/install:1.0.0`);
  const { cert, key } = await machine.client('alice', 'admin');
  const words = ['serve', '-r', root, '--socket', join(root, 'api.sock'), '--listen', '127.0.0.1:0'];
  const daemon = spawn('build/mosctl', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => daemon.on('close', resolve));
  t.teardown(async () => {
    daemon.kill('SIGTERM');
    await ended;
  });
  const port = await new Promise<string>((resolve) => {
    let said = '';
    daemon.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const found = /127\.0\.0\.1:(\d+)/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  const options = [
    ...['run', absolute('docs/openapi.yaml'), '--url', `https://127.0.0.1:${port}`, '--tls-verify', 'false'],
    ...['--request-cert', cert, '--request-cert-key', key],
    ...['--exclude-path-regex', 'events$', '--max-examples', '20', '--generation-deterministic'],
    // A job that is at work, or a reference that is none, refuses what the document allows; a cancelled job stays to be read.
    ...['--exclude-checks', 'positive_data_acceptance,use_after_free'],
  ];
  const { exit, said } = await new Promise<{ exit: number; said: string }>((resolve) => {
    execFile(
      absolute('build/tools/schemathesis'),
      options,
      { cwd: root, maxBuffer: 1 << 26 },
      (error, stdout, stderr) =>
        resolve({ exit: error === null ? 0 : Number(error.code), said: stdout + stderr }),
    );
  });
  t.is(exit, 0, said);
  t.regex(said, /\b(\d{3,}) generated, \1 passed\b/);
});
