import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import test from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import {
  type ApiTrust,
  addApiCa,
  addApiClient,
  readApiTrust,
  revokeApiClient,
  verifyApiClient,
} from '../../pkg/trust/index.ts';
import { parseCertificatePem } from '../../pkg/trust/pem.ts';
import { codeSigning, flags, makeCa, makeLeaf } from '../helpers/authority.ts';
import { describeCertificate, hostAt } from '../helpers/keyset.ts';
import { makeVendor } from '../helpers/vendor.ts';

const now = '2026-11-21T12:00:00Z';
const time = { now: new Date(now), builtAt: new Date('2026-01-01T00:00:00Z') };
const der = (pem: Uint8Array): Uint8Array => parseCertificatePem(pem)[0] as Uint8Array;

test('a client is whom the API CA says it is, for its hours, until it is revoked', async (t) => {
  const { keys, keyset } = await makeVendor(t);
  const options = { folder: keys };
  const host = hostAt(now);
  await t.throwsAsync(addApiClient(host, keyset, { name: 'alice', role: 'reader', hours: 8 }, options), {
    code: 'not-found',
    message: `cannot make alice: the keyset ${keyset} has no API CA`,
  });
  const { path } = await addApiCa(host, keyset, options);
  const made = await addApiClient(host, keyset, { name: 'alice', role: 'operator', hours: 8 }, options);
  t.deepEqual(made, {
    ...{ keyset, name: 'alice', role: 'operator' },
    notAfter: '2026-11-21T20:00:00.000Z',
    path: `${path}/clients/alice`,
  });
  t.deepEqual(describeCertificate(`${made.path}/cert.pem`), [
    'subject=serialNumber=ROLE:operator,CN=alice',
    `issuer=CN=API rootCA,OU=Project Machine Project ${keyset}`,
    'notBefore=Nov 21 11:55:00 2026 GMT',
    'notAfter=Nov 21 20:00:00 2026 GMT',
    'X509v3 Key Usage: critical',
    'Digital Signature',
    'X509v3 Extended Key Usage:',
    'TLS Web Client Authentication',
  ]);
  const certificate = der(await readFile(`${made.path}/cert.pem`));
  const revocations = `${path}/crl.pem`;
  const read = () => readApiTrust(linuxHost, { file: `${path}/cert.pem`, revocations });
  const { name, role } = verifyApiClient(certificate, await read(), time);
  t.deepEqual({ name, role }, { name: 'alice', role: 'operator' });
  for (const [moment, why] of [
    ['2026-11-21T11:00:00Z', 'the certificate "alice" is valid only from 2026-11-21T11:55:00.000Z'],
    ['2026-11-21T20:00:01Z', 'the certificate "alice" has expired at 2026-11-21T20:00:00.000Z'],
  ] as const) {
    const trust = await read();
    t.throws(() => verifyApiClient(certificate, trust, { ...time, now: new Date(moment) }), {
      code: 'untrusted',
      message: `cannot trust the client: ${why}`,
    });
  }
  await revokeApiClient(host, keyset, 'alice', options);
  const revoked = await read();
  t.throws(() => verifyApiClient(certificate, revoked, time), {
    code: 'untrusted',
    message: 'cannot trust the client: its certificate "alice" was revoked',
  });
});

test('an older revocation list, or none, does not let in again whom a newer one shut out', async (t) => {
  const { keys, keyset } = await makeVendor(t);
  const options = { folder: keys };
  const { path } = await addApiCa(linuxHost, keyset, options);
  for (const name of ['alice', 'bob'])
    await addApiClient(linuxHost, keyset, { name, role: 'reader', hours: 8 }, options);
  const revocations = `${path}/crl.pem`;
  const read = (known?: ApiTrust) =>
    readApiTrust(linuxHost, { file: `${path}/cert.pem`, revocations }, known);
  const numbers = ({ revoked }: ApiTrust) => revoked.map(({ serials }) => serials.length);
  await revokeApiClient(linuxHost, keyset, 'alice', options);
  const older = await readFile(revocations);
  await revokeApiClient(linuxHost, keyset, 'bob', options);
  const newest = await read();
  t.deepEqual(numbers(newest), [2]);
  await writeFile(revocations, older);
  t.deepEqual(numbers(await read(newest)), [2]);
  await rm(revocations);
  t.deepEqual(numbers(await read(newest)), [2]);
  t.deepEqual(numbers(await read()), []);
});

test('a revocation list that cannot be believed opens no door', async (t) => {
  const { keys, keyset, folder } = await makeVendor(t);
  const { path } = await addApiCa(linuxHost, keyset, { folder: keys });
  await mkdir(folder, { recursive: true });
  await t.throwsAsync(
    readApiTrust(linuxHost, { file: `${path}/cert.pem`, revocations: `${path}/cert.pem` }),
    { code: 'untrusted', message: `cannot trust ${path}/cert.pem: no signature fits its bytes` },
  );
});

/** RFC 5280 4.2.1.12 */
const clientAuth = '1.3.6.1.5.5.7.3.2';
const client = {
  name: 'eve',
  serialNumber: 'ROLE:admin',
  keyUsage: flags.digitalSignature,
  purposes: [clientAuth],
};
for (const [what, flaws, why] of [
  ['without a role', { serialNumber: 'SN:1' }, 'its certificate "eve" names no role'],
  ['with a role that is none', { serialNumber: 'ROLE:root' }, 'its certificate "eve" names no role'],
  ...['a\nmos-job-ended', 'a\u009b31m', 'a\u202egpj', 'a\u2028b'].map(
    (name) =>
      [
        `with the name ${JSON.stringify(name)}`,
        { name },
        'its certificate is malformed (its name has characters that are none of a name)',
      ] as const,
  ),
  [
    'for signing code',
    { purposes: [codeSigning] },
    'its certificate "eve" is not for this purpose: ExtendedKeyUsage lacks client authentication',
  ],
] as const)
  test(`a certificate ${what} is nobody's`, async (t) => {
    const ca = await makeCa({ name: 'API rootCA' });
    const leaf = await makeLeaf(ca, { ...client, ...flaws });
    const { parseAnchors } = await import('../../pkg/trust/index.ts');
    const trust = { anchors: parseAnchors(ca.pem, 'apiCA.pem'), revoked: [] };
    t.throws(() => verifyApiClient(der(leaf.pem), trust, time), {
      message: `cannot trust the client: ${why}`,
    });
  });
