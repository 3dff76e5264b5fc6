import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { nameOf, renderVerifyingKey } from '../../pkg/tpm/index.ts';
import { addKeyset, authorizedPolicy } from '../../pkg/trust/index.ts';
import { call } from '../helpers/cli.ts';
import { softwareTpm } from '../helpers/tpm.ts';

// What we compute without a TPM is what tpm2-tools and a TPM say, and what we sign opens what they sealed.

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

test('policies computed and signed without a TPM are those of tpm2-tools, and release a secret to PCR 7 and version alone', async (t) => {
  const { folder, tool } = await softwareTpm(t);
  const home: Host = {
    ...linuxHost,
    machine: { ...linuxHost.machine, environment: (name) => (name === 'HOME' ? folder : undefined) },
  };
  const trust = async (...words: string[]) => {
    const { exit, stderr } = await call(['trust', ...words], { host: home, cwd: folder });
    t.deepEqual({ exit, stderr }, { exit: 0, stderr: '' });
  };
  const read = (name: string) => readFileSync(join(folder, name));
  const write = (name: string, content: Uint8Array | string) => writeFileSync(join(folder, name), content);
  const { path } = await addKeyset(home, 'acme');

  // The machine boots: PCR 7 gets a value.
  const measured = sha256(Buffer.from('firmware'));
  tool('pcrextend', `7:sha256=${measured.toString('hex')}`);
  write('pcr7.prod', sha256(Buffer.concat([Buffer.alloc(32), measured])));
  write('pcr7.limited', sha256(Buffer.from('limited')));
  write('pcr7.tpm', sha256(Buffer.from('tpm')).toString('hex'));
  tool('nvdefine', '0x1500020', '-C', 'o', '-s', '4', '-a', 'ownerwrite|ownerread|authread');
  write('version', '0001');
  tool('nvwrite', '0x1500020', '-C', 'o', '-i', 'version');

  await trust('tpm-policy-gen', '--pcr7-production', 'pcr7.prod', '--pcr7-tpm', 'pcr7.tpm');
  await trust(
    ...['keyset', 'pcr7data', '--pcr7-tpm', 'pcr7.tpm', '--pcr7-limited', 'pcr7.limited', '--pcr7-prod'],
    ...['pcr7.prod', '-passwdPolicy', 'passwd_policy.out', '-luksPolicy', 'luks_policy.out', 'acme'],
  );
  const session = (...policies: string[][]) => {
    const [first = [], ...rest] = policies;
    tool('startauthsession', '-S', 'session', ...first);
    for (const [name = '', ...args] of rest) tool(name, '-S', 'session', ...args);
  };
  const pcr = ['policypcr', '-l', 'sha256:7'];
  const version = ['policynv', '-i', 'version', '0x1500020', 'eq'];
  session([], pcr, [...version, '-L', 'tools.luks']);
  tool('flushcontext', 'session');
  t.deepEqual(read('tools.luks'), read('luks_policy.out'));

  const pem = `${path}/pcr7data/policy-2/pubkeys/luks-acme.pem`;
  const key = createPublicKey(readFileSync(pem));
  tool('loadexternal', '-C', 'o', '-G', 'rsa', '-u', pem, '-c', 'key', '-n', 'name');
  t.deepEqual(nameOf(renderVerifyingKey(key)), read('name'));
  session([], ['policyauthorize', '-L', 'tools.authorized', '-n', 'name', '-i', 'luks_policy.out']);
  tool('flushcontext', 'session');
  t.deepEqual(authorizedPolicy(key), read('tools.authorized'));

  write('authorized', authorizedPolicy(key));
  tool('nvdefine', '0x1500040', '-C', 'o', '-s', '6', '-a', 'ownerwrite|policyread', '-L', 'authorized');
  write('secret', 'secret');
  tool('nvwrite', '0x1500040', '-C', 'o', '-i', 'secret');
  const words = Buffer.from(read('pcr7.prod')).swap16().toString('hex');
  const signed = `${path}/pcr7data/policy-2/${words.slice(0, 2)}/${words.slice(2)}/tpm_luks.policy.signed`;
  const unseal = () => {
    session(['--policy-session'], pcr, version);
    const authorize = [
      '-c',
      'key',
      '-g',
      'sha256',
      '-m',
      'luks_policy.out',
      '-s',
      signed,
      '-f',
      'rsassa',
      '-t',
      'ticket',
    ];
    tool('verifysignature', ...authorize);
    tool('policyauthorize', '-S', 'session', '-i', 'luks_policy.out', '-n', 'name', '-t', 'ticket');
    try {
      return tool('nvread', '0x1500040', '-C', '0x1500040', '-P', 'session:session');
    } finally {
      tool('flushcontext', 'session');
    }
  };
  t.is(unseal(), 'secret');
  write('version', '0002');
  tool('nvwrite', '0x1500020', '-C', 'o', '-i', 'version');
  t.throws(unseal, undefined, 'another version');
  write('version', '0001');
  tool('nvwrite', '0x1500020', '-C', 'o', '-i', 'version');
  t.is(unseal(), 'secret');
  tool('pcrextend', `7:sha256=${measured.toString('hex')}`);
  t.throws(unseal, undefined, 'another PCR 7');
});

test('a policy that is not that of the given PCR 7 is not signed', async (t) => {
  const { folder } = await softwareTpm(t);
  const host: Host = {
    ...linuxHost,
    machine: { ...linuxHost.machine, environment: (name) => (name === 'HOME' ? folder : undefined) },
  };
  await addKeyset(host, 'acme');
  for (const name of ['a', 'b', 'c', 'policy']) writeFileSync(join(folder, name), sha256(Buffer.from(name)));
  const values = ['--pcr7-tpm', 'a', '--pcr7-limited', 'b', '--pcr7-prod', 'c'];
  const policies = ['--luks-policy', 'policy', 'acme'];
  t.deepEqual(await call(['trust', 'keyset', 'pcr7data', ...values, ...policies], { host, cwd: folder }), {
    exit: 3,
    stdout: '',
    stderr: `trust: cannot sign ${folder}/policy: it is not the policy of the given PCR 7\n  trust tpm-policy-gen makes it of the same files\n`,
  });
});
