import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Host } from '../../../pkg/host/index.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { keysetFolders } from '../../../pkg/trust/keyset/plan.ts';
import { call, plain } from '../../helpers/cli.ts';
import { makePe } from '../../helpers/pe.ts';

/** One home for all tests: its keyset "acme" is made by the command itself. */
const home = { folder: '', added: { exit: 0, stdout: '', stderr: '' } };
const hostWith = (values: Readonly<Record<string, string>>): Host => ({
  ...linuxHost,
  machine: { ...linuxHost.machine, environment: (name: string) => values[name] },
});
const trust = (...words: string[]) =>
  call(['trust', ...words], { host: hostWith({ HOME: home.folder }), cwd: home.folder });
const keys = () => `${home.folder}/.local/share/machine/trust/keys`;

test.before(async () => {
  home.folder = await mkdtemp(join(tmpdir(), 'mos-home-'));
  home.added = await trust('keyset', 'add', '--org', 'Acme Ltd', 'acme');
});
test.after.always(() => rm(home.folder, { recursive: true }));

test('a keyset is added, listed and shown', async (t) => {
  t.deepEqual(
    { ...home.added, stdout: plain(home.added.stdout, { KEYS: keys() }) },
    {
      exit: 0,
      stdout: 'made the keyset acme at KEYS/acme\nfirst project acme:default, product UUID\n',
      stderr: '',
    },
  );
  t.deepEqual(await trust('keyset', 'list'), { exit: 0, stdout: 'acme\n', stderr: '' });
  t.deepEqual(await trust('keyset', 'show', 'acme'), {
    exit: 0,
    stdout: `${keysetFolders.join('\n')}\n`,
    stderr: '',
  });
  t.deepEqual(await trust('keyset', 'show', '--path', 'acme', 'uefi-db'), {
    exit: 0,
    stdout: ['cert.pem', 'guid', 'privkey.pem'].map((name) => `${keys()}/acme/uefi-db/${name}\n`).join(''),
    stderr: '',
  });
  const certificate = await readFile(`${keys()}/acme/manifest-ca/cert.pem`, 'utf8');
  t.deepEqual(await trust('keyset', 'show', '-value', 'acme', 'manifest-ca', 'cert.pem'), {
    exit: 0,
    stdout: certificate,
    stderr: '',
  });
  t.is(
    (await trust('keyset', 'show', 'acme', 'manifest-ca')).stdout,
    `${keys()}/acme/manifest-ca/cert.pem\n${certificate}${keys()}/acme/manifest-ca/privkey.pem\n[private key: name the file to see it]\n`,
  );
});

test('a second keyset of the name, a bad name and a missing keyset are refused with their exit codes', async (t) => {
  t.deepEqual(await trust('keyset', 'add', 'acme'), {
    exit: 8,
    stdout: '',
    stderr: `trust: cannot add the keyset acme: ${keys()}/acme is there already\n  keys are never overwritten; use another name\n`,
  });
  t.deepEqual(await trust('keyset', 'add', '../acme'), {
    exit: 2,
    stdout: '',
    stderr: 'trust: cannot use "../acme" as the name of a keyset: it contains "/" or ".."\n',
  });
  t.deepEqual(await trust('project', 'list', 'nobody'), {
    exit: 7,
    stdout: '',
    stderr: `trust: cannot find the keyset nobody: there is no ${keys()}/nobody\n  trust keyset list shows those that are there, trust keyset add makes one\n`,
  });
  t.deepEqual(await trust('keyset', 'add', '--key-type', 'dsa', 'x'), {
    exit: 2,
    stdout: '',
    stderr:
      "trust: cannot understand the command line: option '--key-type <TYPE>' argument 'dsa' is invalid. Allowed choices are rsa, ecdsa, ed25519.\n  see trust keyset add --help\n",
  });
});

test('without a home there are no keysets', async (t) => {
  t.deepEqual(await call(['trust', 'keyset', 'list'], { host: hostWith({}) }), {
    exit: 2,
    stdout: '',
    stderr: 'trust: cannot find the keysets: HOME is not set\n  set HOME or XDG_DATA_HOME\n',
  });
  const elsewhere = hostWith({ HOME: home.folder, XDG_DATA_HOME: `${home.folder}/.local/share` });
  t.is((await call(['trust', 'keyset', 'list'], { host: elsewhere })).stdout, 'acme\n');
});

test('projects, machines, a revocation and a ticket, from the first to the last', async (t) => {
  const said = async (...words: string[]) => {
    const { exit, stdout, stderr } = await trust(...words);
    t.deepEqual([exit, stderr], [0, '']);
    return plain(stdout, { KEYS: keys(), HOME: home.folder });
  };
  t.is(
    await said('project', 'add', 'acme', 'gateway'),
    'made the project acme:gateway at KEYS/acme/manifest/gateway\nproduct UUID\n',
  );
  const product = await readFile(`${keys()}/acme/manifest/gateway/uuid`, 'utf8');
  await said('project', 'add', '--product', product, 'acme', 'gateway-2');
  t.is(await readFile(`${keys()}/acme/manifest/gateway-2/uuid`, 'utf8'), product);
  t.is(await said('project', 'list', 'acme'), 'default\ngateway\ngateway-2\n');
  t.is(
    await said('sudi', 'add', 'acme', 'gateway', 'SN0001'),
    'made the identity of machine SN0001 at KEYS/acme/manifest/gateway/sudi/SN0001\n',
  );
  t.is(await said('sudi', 'list', 'acme', 'gateway'), 'SN0001\n');
  t.is(
    await said('project', 'revoke', 'acme', 'gateway'),
    'wrote list 1 with 1 certificate to KEYS/acme/manifest-ca/crl.pem\n',
  );
  t.regex(
    await said(
      'ticket',
      'add',
      'acme',
      'gateway-2',
      '--serial',
      'SN0001',
      '--from',
      '3',
      '--to',
      '2',
      '--output',
      'ticket.json',
    ),
    /^made HOME\/ticket\.json: machine SN0001 may go from 3 to 2 until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$/,
  );
});

test('an EFI file is signed and verified', async (t) => {
  await writeFile(`${home.folder}/in.efi`, makePe());
  const db = `${keys()}/acme/uefi-db`;
  t.deepEqual(
    await trust(
      'sign',
      'efi',
      '--key',
      `${db}/privkey.pem`,
      '--cert',
      `${db}/cert.pem`,
      '--output',
      'out.efi',
      'in.efi',
    ),
    {
      exit: 0,
      stdout: `signed ${home.folder}/out.efi as "UEFI DB"\n`,
      stderr: '',
    },
  );
  t.deepEqual(await trust('verify', 'efi', '--cert', `${db}/cert.pem`, 'out.efi'), {
    exit: 0,
    stdout: `${home.folder}/out.efi is signed by "UEFI DB"\n`,
    stderr: '',
  });
  t.deepEqual(
    await trust('verify', 'efi', '--json', '--cert', `${keys()}/acme/uefi-kek/cert.pem`, 'out.efi'),
    {
      exit: 4,
      stdout: '',
      stderr: `{"error":{"code":"untrusted","message":"cannot trust ${home.folder}/out.efi: it is not signed by \\"UEFI KEK\\"","exit":4}}\n`,
    },
  );
});

for (const days of ['0', '99999999'])
  test(`what would be over at once, or end after the calendar, is not made: --days ${days}`, async (t) => {
    const ticket = ['--serial', 'SN1', '--from', '2', '--to', '1', '--output', `${home.folder}/t.json`];
    for (const words of [
      ['ticket', 'add', 'acme', 'default', ...ticket],
      ['tuf-keys', 'add', 'acme'],
    ])
      t.deepEqual(await trust(...words, '--days', days), {
        exit: 2,
        stdout: '',
        stderr: `trust: cannot sign for ${days} days: it is 1 to 3650\n`,
      });
  });
