import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { MosError } from '../../../pkg/errors/index.ts';
import type { Host } from '../../../pkg/host/index.ts';
import {
  type AddedKeyset,
  addKeyset,
  addProject,
  addSudi,
  listKeysets,
  listProjects,
  listSudis,
} from '../../../pkg/trust/index.ts';
import { Crash, countingHost, crashingHost } from '../../helpers/counting-host.ts';
import { scratchFolder } from '../../helpers/folders.ts';
import { describeCertificate, hostAt, openssl } from '../../helpers/keyset.ts';

const host = hostAt('2026-11-21T12:00:00.789Z');
/** A day after the certificates begin, for openssl. */
const later = String(Date.parse('2026-11-22T12:00:00Z') / 1000);
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Path, kind and mode of everything below a folder. */
async function modesBelow(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const lines = names.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    const mode = ((await stat(path)).mode & 0o7777).toString(8);
    return `${path.slice(folder.length + 1)}${entry.isDirectory() ? '/' : ''} ${mode}`;
  });
  return (await Promise.all(lines)).sort();
}

/** RSA keys cost: one keyset is made, and its tests work on copies. */
const base = { folder: '', made: undefined as AddedKeyset | undefined, mutations: [] as readonly string[] };
test.before(async () => {
  base.folder = await mkdtemp(join(tmpdir(), 'mos-keys-'));
  const counted = countingHost(host);
  base.made = await addKeyset(counted.host, 'acme', { folder: base.folder, organizations: ['Acme Ltd'] });
  base.mutations = counted.names;
});
test.after.always(() => rm(base.folder, { recursive: true }));

/** A folder of keysets with a copy of "acme" in it. */
async function withKeyset(t: ExecutionContext): Promise<string> {
  const folder = await scratchFolder(t, 'keys');
  await cp(`${base.folder}/acme`, `${folder}/acme`, { recursive: true });
  return folder;
}

const start = 'notBefore=Nov 21 12:00:00 2026 GMT';
const names = (cn: string) => `CN=${cn},OU=Project Machine Project acme,O=Acme Ltd`;
const selfSigned = (cn: string) => [`subject=${names(cn)}`, `issuer=${names(cn)}`];
const authority = [
  'X509v3 Key Usage: critical',
  'Certificate Sign, CRL Sign',
  'X509v3 Basic Constraints: critical',
  'CA:TRUE',
];
const signing = [
  'X509v3 Key Usage: critical',
  'Digital Signature',
  'X509v3 Extended Key Usage:',
  'Code Signing',
];

test('a keyset has every key of the format, with its names, times, extensions and modes', async (t) => {
  const path = `${base.folder}/acme`;
  const made = base.made as AddedKeyset;
  t.regex(made.project.product, uuid);
  t.deepEqual(made, {
    keyset: 'acme',
    path,
    project: {
      keyset: 'acme',
      project: 'default',
      path: `${path}/manifest/default`,
      product: made.project.product,
    },
  });
  const pair = (name: string, guid = false) => [
    `${name}/ 750`,
    `${name}/cert.pem 640`,
    ...(guid ? [`${name}/guid 640`] : []),
    `${name}/privkey.pem 600`,
  ];
  const isPolicy = (line: string) => line.startsWith('pcr7data/');
  t.deepEqual(
    (await modesBelow(path)).filter((line) => !isPolicy(line)),
    [
      'manifest-ca/ 750',
      'manifest-ca/cert.pem 640',
      'manifest-ca/privkey.pem 600',
      'manifest/ 750',
      'manifest/default/ 750',
      'manifest/default/cert.pem 640',
      'manifest/default/privkey.pem 600',
      'manifest/default/sudi/ 750',
      'manifest/default/uuid 640',
      ...pair('sudi-ca'),
      ...pair('tpmpol-admin'),
      ...pair('tpmpol-luks'),
      ...pair('uefi-db', true),
      ...pair('uefi-kek', true),
      ...pair('uefi-pk', true),
      ...pair('uki-limited', true),
      ...pair('uki-production', true),
      ...pair('uki-tpm', true),
    ],
  );
  const quarter = [start, 'notAfter=Nov 21 12:00:00 2051 GMT'];
  const half = [start, 'notAfter=Nov 21 12:00:00 2076 GMT'];
  const expected: Record<string, string[]> = {
    'manifest-ca': [...selfSigned('Manifest rootCA'), ...quarter, ...authority],
    'sudi-ca': [...selfSigned('SUDI rootCA'), start, 'notAfter=Dec 31 23:00:00 2099 GMT', ...authority],
    'uefi-pk': [...selfSigned('UEFI PK'), ...half, ...authority],
    'uefi-kek': [
      `subject=${names('UEFI KEK')}`,
      `issuer=${names('UEFI PK')}`,
      ...half,
      ...signing.slice(0, 2),
    ],
    'uefi-db': [...selfSigned('UEFI DB'), ...quarter, ...signing],
    'uki-limited': [...selfSigned('UKI Limited'), ...quarter, ...signing],
    'uki-production': [...selfSigned('UKI Production'), ...quarter, ...signing],
    'uki-tpm': [...selfSigned('UKI TPM'), ...quarter, ...signing],
    'tpmpol-admin': [...selfSigned('TPM EAPolicy Admin'), ...quarter, ...signing],
    'tpmpol-luks': [...selfSigned('TPM EAPolicy LUKS'), ...quarter, ...signing],
    'manifest/default': [
      `subject=CN=manifest PRODUCT:${made.project.product}`,
      `issuer=${names('Manifest rootCA')}`,
      start,
      'notAfter=Nov 21 12:00:00 2046 GMT',
      ...signing,
    ],
  };
  for (const [name, lines] of Object.entries(expected)) {
    t.deepEqual(describeCertificate(`${path}/${name}/cert.pem`), lines, name);
    const key = openssl(path, 'pkey', '-in', `${name}/privkey.pem`, '-pubout');
    t.is(openssl(path, 'x509', '-in', `${name}/cert.pem`, '-noout', '-pubkey'), key, name);
    t.regex(await readFile(`${path}/${name}/privkey.pem`, 'utf8'), /^-----BEGIN PRIVATE KEY-----\n/);
  }
  for (const name of ['uefi-db', 'uefi-kek', 'uefi-pk', 'uki-limited', 'uki-production', 'uki-tpm'])
    t.regex(await readFile(`${path}/${name}/guid`, 'utf8'), uuid, name);
  t.is(await readFile(`${path}/manifest/default/uuid`, 'utf8'), made.project.product);
  t.is(
    openssl(path, 'verify', '-attime', later, '-CAfile', 'uefi-pk/cert.pem', 'uefi-kek/cert.pem'),
    'uefi-kek/cert.pem: OK\n',
  );
});

const types = { rsa: 'rsaEncryption', ecdsa: 'id-ecPublicKey', ed25519: 'ED25519' } as const;
const keyTypes = test.macro({
  title: (_, type: keyof typeof types) =>
    `--key-type ${type} decides about manifests and machines, firmware keys are RSA`,
  async exec(t, type: keyof typeof types) {
    const folder = await scratchFolder(t, 'keys');
    await addKeyset(host, 'acme', { folder, keyType: type });
    await addProject(host, 'acme', 'gateway', { folder });
    await addSudi(host, 'acme', 'gateway', 'SN0001', { folder });
    const algorithm = (name: string) =>
      /Public Key Algorithm: (.*)/.exec(
        openssl(folder, 'x509', '-in', `acme/${name}/cert.pem`, '-noout', '-text'),
      )?.[1];
    for (const name of [
      'manifest-ca',
      'sudi-ca',
      'manifest/default',
      'manifest/gateway',
      'manifest/gateway/sudi/SN0001',
    ])
      t.is(algorithm(name), types[type], name);
    for (const name of ['uefi-pk', 'uefi-kek', 'uefi-db', 'uki-production', 'tpmpol-luks'])
      t.is(algorithm(name), types.rsa, name);
    const verified = openssl(
      `${folder}/acme`,
      'verify',
      '-attime',
      later,
      '-CAfile',
      'manifest-ca/cert.pem',
      'manifest/gateway/cert.pem',
    );
    t.is(verified, 'manifest/gateway/cert.pem: OK\n');
  },
});
test(keyTypes, 'ecdsa');
test(keyTypes, 'ed25519');

test('projects and machines are added, listed, and never overwritten', async (t) => {
  const folder = await withKeyset(t);
  const gateway = await addProject(host, 'acme', 'gateway', { folder });
  const sudi = await addSudi(host, 'acme', 'gateway', 'SN 0001/a'.replace('/', '-'), { folder });
  const random = await addSudi(host, 'acme', 'gateway', undefined, { folder });
  t.regex(random.serial, uuid);
  t.deepEqual(await listKeysets(host, { folder }), ['acme']);
  t.deepEqual(await listProjects(host, 'acme', { folder }), ['default', 'gateway']);
  t.deepEqual(await listSudis(host, 'acme', 'gateway', { folder }), [random.serial, 'SN 0001-a'].sort());
  t.deepEqual(await listSudis(host, 'acme', 'default', { folder }), []);
  t.deepEqual(describeCertificate(`${sudi.path}/cert.pem`), [
    `subject=serialNumber=PID:${gateway.product} SN:SN 0001-a,CN=SN 0001-a`,
    'issuer=CN=SUDI rootCA,OU=Project Machine Project acme,O=Acme Ltd',
    start,
    'notAfter=Dec 31 23:00:00 2099 GMT',
    'X509v3 Key Usage: critical',
    'Digital Signature, Key Encipherment, Data Encipherment',
    'X509v3 Extended Key Usage:',
    'TLS Web Server Authentication, TLS Web Client Authentication',
  ]);
  const before = await readFile(`${gateway.path}/privkey.pem`, 'utf8');
  const again = (what: string, path: string) => ({
    instanceOf: MosError,
    code: 'exists',
    message: `cannot add the ${what}: ${path} is there already`,
  });
  await t.throwsAsync(addKeyset(host, 'acme', { folder }), again('keyset acme', `${folder}/acme`));
  await t.throwsAsync(
    addProject(host, 'acme', 'gateway', { folder }),
    again('project acme:gateway', gateway.path),
  );
  await t.throwsAsync(
    addSudi(host, 'acme', 'gateway', 'SN 0001-a', { folder }),
    again('serial SN 0001-a', `${gateway.path}/sudi/SN 0001-a`),
  );
  t.is(await readFile(`${gateway.path}/privkey.pem`, 'utf8'), before);
  t.deepEqual((await readdir(folder)).sort(), ['.lock', 'acme']);
});

test('a further key for a product is a project with the same uuid', async (t) => {
  const folder = await withKeyset(t);
  const { project } = base.made as AddedKeyset;
  const next = await addProject(host, 'acme', 'next', { folder, product: project.product });
  t.is(next.product, project.product);
  t.is(await readFile(`${next.path}/uuid`, 'utf8'), project.product);
  await t.throwsAsync(addProject(host, 'acme', 'x', { folder, product: 'DE6C82C5' }), {
    message: 'cannot use "DE6C82C5" as a product: it is no uuid in lower case',
  });
});

test('whatever a keyset add was stopped at, there is a whole keyset or none, and the next one cleans up', async (t) => {
  t.deepEqual(base.mutations.slice(-3), ['files.syncFolder', 'files.rename', 'files.syncFolder']);
  // The names of policies are values of PCR 7: other keys, other names.
  const known = async (folder: string) =>
    (await modesBelow(folder)).map((line) => line.replace(/[0-9a-f]{2}\/[0-9a-f]{62}/, 'PCR')).sort();
  const withoutShort = (lines: string[]) => lines.filter((line) => !/policy-2\/[0-9a-f]{2}\/ /.test(line));
  const expected = withoutShort(await known(base.folder));
  const points = base.mutations.length;
  // Most points make RSA keys first, so not every one of the hundred is tried.
  for (const n of [1, Math.floor(points / 2), points - 1, points]) {
    const folder = await scratchFolder(t, 'keys');
    const add = (to: Host) => addKeyset(to, 'acme', { folder, organizations: ['Acme Ltd'] });
    await t.throwsAsync(add(crashingHost(host, n).host), { instanceOf: Crash });
    t.deepEqual(
      await listKeysets(host, { folder }),
      n === points ? ['acme'] : [],
      `before ${n} of ${points}`,
    );
    if (n === points - 1) await add(host);
    if (n >= points - 1) t.deepEqual(withoutShort(await known(folder)), expected, `before ${n} of ${points}`);
  }
});

test('of two that add the same at the same time one does, and the other is told', async (t) => {
  const folder = await withKeyset(t);
  const add = () => addSudi(host, 'acme', 'default', 'SN1', { folder });
  const results = await Promise.allSettled([add(), add(), add()]);
  t.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected', 'rejected']);
  for (const result of results) if (result.status === 'rejected') t.is(result.reason.code, 'exists');
});

test('a keyset that has lost a half is told, not used', async (t) => {
  const folder = await withKeyset(t);
  await writeFile(
    `${folder}/acme/manifest-ca/privkey.pem`,
    await readFile(`${folder}/acme/sudi-ca/privkey.pem`),
  );
  await t.throwsAsync(addProject(host, 'acme', 'x', { folder }), {
    code: 'untrusted',
    message: `cannot use ${folder}/acme/manifest-ca: privkey.pem is not the key of cert.pem`,
  });
  await writeFile(`${folder}/acme/manifest-ca/privkey.pem`, 'secret words');
  await t.throwsAsync(addProject(host, 'acme', 'x', { folder }), {
    code: 'invalid',
    message: `cannot use ${folder}/acme/manifest-ca/privkey.pem: it is no private key in PEM without a password`,
  });
  t.deepEqual((await readdir(folder)).sort(), ['.lock', 'acme']);
  t.deepEqual(await listProjects(host, 'acme', { folder }), ['default']);
});

const refused = test.macro({
  title: (title) => `a name with ${title} is refused`,
  async exec(t, name: string, why: string) {
    const folder = await scratchFolder(t, 'keys');
    const message = (what: string) => `cannot use ${JSON.stringify(name)} as the name of a ${what}: ${why}`;
    await t.throwsAsync(addKeyset(host, name, { folder }), { code: 'usage', message: message('keyset') });
    await t.throwsAsync(addProject(host, name, 'x', { folder }), { message: message('keyset') });
    t.deepEqual(await readdir(folder), []);
  },
});
test('a slash', refused, 'a/b', 'it contains "/" or ".."');
test('two dots', refused, '..', 'it contains "/" or ".."');
test('two dots inside', refused, 'a..b', 'it contains "/" or ".."');
test('a NUL', refused, 'a\0b', 'it contains "/" or ".."');
test('a newline', refused, 'a\nb', 'it contains a colon or a control character');
test('a colon', refused, 'a:b', 'it contains a colon or a control character');
test('no letters', refused, '', 'it is empty');
test('a dot in front', refused, '.lock', 'it begins with a dot, dash or blank, or ends with a blank');
test('a dash in front', refused, '-r', 'it begins with a dot, dash or blank, or ends with a blank');
test('too many letters', refused, 'a'.repeat(41), 'it has more than 40 characters');

test('an organization that no certificate can hold is refused', async (t) => {
  const folder = await scratchFolder(t, 'keys');
  await t.throwsAsync(addKeyset(host, 'acme', { folder, organizations: ['a'.repeat(65)] }), {
    message: `cannot use ${JSON.stringify('a'.repeat(65))} as an organization: 1 to 64 printable characters are allowed`,
  });
  t.deepEqual(await readdir(folder), []);
});

test('what is not there is told with the command that shows what is', async (t) => {
  const folder = await scratchFolder(t, 'keys');
  await t.throwsAsync(addProject(host, 'acme', 'x', { folder }), {
    code: 'not-found',
    message: `cannot find the keyset acme: there is no ${folder}/acme`,
  });
  await cp(`${base.folder}/acme`, `${folder}/acme`, { recursive: true });
  await t.throwsAsync(addSudi(host, 'acme', 'x', 'SN1', { folder }), {
    code: 'not-found',
    message: `cannot find the project acme:x: there is no ${folder}/acme/manifest/x`,
  });
});
