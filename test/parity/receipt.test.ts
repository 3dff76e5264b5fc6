import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { makeApiMachine } from '../helpers/api.ts';
import { call } from '../helpers/cli.ts';
import { installFrom } from '../helpers/machine.ts';
import { addImage, publishRelease } from '../helpers/vendor.ts';

const executable = (...words: readonly string[]) =>
  execFileSync('build/mosctl', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

test('a receipt of the executable is believed by Node, one of Node by the executable, a changed one by neither', async (t) => {
  const { vendor, root, sudiCa } = await makeApiMachine(t);
  const source = await addImage(vendor, 'data', { 'a.txt': 'data' });
  const { reference } = await publishRelease(vendor, {
    manifest: `update_type: complete\nrelease: 1\ntargets:\n  - { service_name: data, source: '${source}', version: '1', service_type: fs-only, nsgroup: none, network: { type: none } }\n`,
  });
  await installFrom(root, reference);
  const file = join(vendor.folder, 'receipt.json');
  const words = ['--json', 'receipt', 'verify', '--ca', sudiCa, file];

  writeFileSync(file, executable('receipt', 'show', '-r', root));
  const byNode = await call(['mosctl', ...words]);
  t.is(byNode.exit, 0, byNode.stderr);
  t.is(byNode.stdout, executable(...words));
  t.is(JSON.parse(byNode.stdout).serial, 'SN0001');

  writeFileSync(file, (await call(['mosctl', 'receipt', 'show', '-r', root])).stdout);
  t.is(JSON.parse(executable(...words)).generation, 1);

  const envelope = JSON.parse(readFileSync(file, 'utf8'));
  const statement = Buffer.from(envelope.payload, 'base64')
    .toString()
    .replace('"generation":1', '"generation":9');
  envelope.payload = Buffer.from(statement).toString('base64');
  writeFileSync(file, JSON.stringify(envelope));
  const refused = await call(['mosctl', ...words]);
  const { status, stdout, stderr } = spawnSync('build/mosctl', words, { encoding: 'utf8' });
  t.deepEqual({ exit: status, stdout, stderr }, refused);
  t.is(refused.exit, 4);
});
