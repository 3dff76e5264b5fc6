import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { addKeyset, signStatement } from '../../pkg/trust/index.ts';
import { makeApiMachine } from '../helpers/api.ts';
import { call, mosctl, plain } from '../helpers/cli.ts';
import { installFrom, makeRoot, updateFrom } from '../helpers/machine.ts';
import { addImage, publishRelease, type Vendor } from '../helpers/vendor.ts';

async function release(vendor: Vendor, number: number): Promise<string> {
  const source = await addImage(vendor, `h${number}`, { 'etc/number': `${number}` });
  const network = 'network: { type: none }';
  const { reference } = await publishRelease(vendor, {
    name: `machine/install:${number}`,
    manifest: `update_type: complete\nrelease: ${number}\ntargets:\n  - { service_name: site, source: '${source}', version: '${number}', service_type: fs-only, nsgroup: none, ${network} }\n`,
  });
  return reference;
}

async function updated(t: ExecutionContext) {
  const machine = await makeApiMachine(t);
  await installFrom(machine.root, await release(machine.vendor, 1));
  await updateFrom(machine.root, await release(machine.vendor, 2));
  const file = join(machine.vendor.folder, 'receipt.json');
  const { exit, stdout, stderr } = await mosctl(machine.root, 'receipt', 'show');
  t.deepEqual([exit, stderr], [0, '']);
  writeFileSync(file, stdout);
  const check = (ca = machine.sudiCa) => call(['mosctl', 'receipt', 'verify', '--ca', ca, file]);
  return { ...machine, file, check };
}

test('a receipt says which image replaced which, and another computer with the SUDI CA believes it', async (t) => {
  const { check } = await updated(t);
  const { exit, stdout, stderr } = await check();
  t.deepEqual([exit, stderr], [0, '']);
  t.is(
    plain(stdout),
    [
      'machine SN0001 of product UUID: generation 2, not judged yet',
      '  made TIME, said TIME: update',
      '  site DIGEST, was DIGEST',
      '',
    ].join('\n'),
  );
});

test('the receipt of the first generation has nothing before', async (t) => {
  const { root, sudiCa, file } = await updated(t);
  writeFileSync(file, (await mosctl(root, 'receipt', 'show', '1')).stdout);
  const said = await call(['mosctl', '--json', 'receipt', 'verify', '--ca', sudiCa, file]);
  const { generation, before, after } = JSON.parse(said.stdout);
  t.deepEqual([generation, before, Object.keys(after)], [1, {}, ['site']]);
});

test('a receipt that was changed after it was signed is refused', async (t) => {
  const { file, check } = await updated(t);
  const envelope = JSON.parse(readFileSync(file, 'utf8'));
  const payload = Buffer.from(envelope.payload, 'base64')
    .toString()
    .replace('"generation":2', '"generation":3');
  envelope.payload = Buffer.from(payload).toString('base64');
  writeFileSync(file, JSON.stringify(envelope));
  const { exit, stderr } = await check();
  t.is(exit, 4);
  t.true(stderr.includes(`cannot trust ${file}: no signature fits its bytes`), stderr);
});

test('a receipt of a machine of another vendor is refused, and so is what is no receipt', async (t) => {
  const { vendor, file, check } = await updated(t);
  await addKeyset(linuxHost, 'other', { folder: vendor.keys, keyType: 'ecdsa' });
  const other = await check(join(vendor.keys, 'other/sudi-ca/cert.pem'));
  t.is(other.exit, 4);
  t.true(other.stderr.includes('was not signed by a CA of'), other.stderr);
  writeFileSync(file, '{"payloadType":"text/plain"}');
  const none = await check();
  t.is(none.exit, 3);
  t.true(none.stderr.includes('it is no DSSE envelope of an in-toto statement'), none.stderr);
});

test('a machine without an identity makes no receipt', async (t) => {
  const { vendor } = await updated(t);
  const root = await makeRoot(t, vendor);
  await installFrom(root, await release(vendor, 3));
  const { exit, stderr } = await mosctl(root, 'receipt', 'show');
  t.is(exit, 9);
  t.true(stderr.includes('cannot make a receipt: this machine has no identity certificate'), stderr);
});

test('openssl finds the signature of a receipt right', async (t) => {
  const { root, vendor, file } = await updated(t);
  const { payloadType, payload, signatures } = JSON.parse(readFileSync(file, 'utf8'));
  const body = Buffer.from(payload, 'base64');
  const head = `DSSEv1 ${payloadType.length} ${payloadType} ${body.length} `;
  writeFileSync(join(vendor.folder, 'signed'), Buffer.concat([Buffer.from(head), body]));
  writeFileSync(join(vendor.folder, 'sig'), Buffer.from(signatures[0].sig, 'base64'));
  const run = (...argv: string[]) => execFileSync('openssl', argv, { cwd: vendor.folder, encoding: 'utf8' });
  writeFileSync(
    join(vendor.folder, 'pub'),
    run('x509', '-in', join(root, 'factory/secure/server.crt'), '-noout', '-pubkey'),
  );
  t.is(run('dgst', '-sha256', '-verify', 'pub', '-signature', 'sig', 'signed'), 'Verified OK\n');
});

const lies = test.macro({
  title: (title) => `a machine that signs ${title} is not believed`,
  async exec(t, change: Readonly<Record<string, unknown>>, exit: number, why: string) {
    const { root, file, check } = await updated(t);
    const statement = JSON.parse(
      Buffer.from(JSON.parse(readFileSync(file, 'utf8')).payload, 'base64').toString(),
    );
    Object.assign(statement.predicate, change);
    writeFileSync(file, await signStatement(linuxHost, root, Buffer.from(JSON.stringify(statement))));
    const said = await check();
    t.is(said.exit, exit);
    t.true(said.stderr.includes(why), said.stderr);
  },
});
const another = 'it speaks of another machine than the one that signed it';
test('for another machine', lies, { serial: 'SN0002' }, 4, another);
test('for another product', lies, { product: 'other' }, 4, another);
test('what a terminal would obey', lies, { reason: '\u001b[2J' }, 3, 'its reason is malformed');
test('no digest', lies, { after: { site: 'latest' } }, 3, 'its after is malformed');
