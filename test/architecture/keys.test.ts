import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { describeCertificates } from '../../pkg/trust/index.ts';

/** The first line of a key and one of base64 behind it: text that only speaks of keys is no key. */
const privateKey = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16}/;

test('no private key is committed', (t) => {
  const files = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' })
    .split('\0')
    .filter((name) => name !== '');
  t.true(files.length > 100);
  t.deepEqual(
    files.filter((name) => privateKey.test(readFileSync(name, 'latin1'))),
    [],
  );
});

test('the keyset for development is made once, and says what it is', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'mos-certs-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const make = () => execFileSync('node', ['certs/development.ts', folder], { encoding: 'utf8' });
  const path = `${folder}/machine/trust/keys/development`;
  t.is(make(), `${path}\n`);
  const certificate = await readFile(`${path}/manifest-ca/cert.pem`);
  t.is(
    describeCertificates(certificate)[0]?.subject,
    'O=not for production, OU=Project Machine Project development, CN=Manifest rootCA',
  );
  t.is(make(), `${path}\n`);
  t.deepEqual(await readFile(`${path}/manifest-ca/cert.pem`), certificate);
  t.regex(await readFile(`${path}/manifest-ca/privkey.pem`, 'latin1'), privateKey);
});
