import { readFile } from 'node:fs/promises';
import test from 'ava';
import { describeCertificates, signatureFits } from '../../pkg/trust/index.ts';
import { makeCa, makeLeaf, product, signWith } from '../helpers/authority.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { openssl } from '../helpers/keyset.ts';
import { makeReferenceKeyset } from '../helpers/reference-keyset.ts';

test('the facts of a certificate are those openssl shows', async (t) => {
  const folder = await scratchFolder(t, 'keys');
  const keyset = makeReferenceKeyset(folder);
  const path = `${keyset}/manifest-ca/cert.pem`;
  const facts = describeCertificates(await readFile(path));
  const shown = (option: string) =>
    openssl('/', 'x509', '-in', path, '-noout', '-nameopt', 'sep_comma_plus_space,sname', option)
      .trim()
      .replace(/^.*?=/, '');
  t.deepEqual(facts, [
    {
      subject: shown('-subject'),
      issuer: shown('-issuer'),
      serial: shown('-serial').toLowerCase(),
      notBefore: new Date(shown('-startdate')).toISOString(),
      notAfter: new Date(shown('-enddate')).toISOString(),
      keyType: 'rsa',
      fingerprint: openssl('/', 'x509', '-in', path, '-noout', '-fingerprint', '-sha256')
        .trim()
        .replace(/^.*=/, '')
        .replaceAll(':', '')
        .toLowerCase(),
    },
  ]);
});

test('several certificates of one text are told, with the product of a project', async (t) => {
  const ca = await makeCa({ name: 'A, B' });
  const leaf = await makeLeaf(ca, { keyType: 'ed25519' });
  const facts = describeCertificates(Buffer.concat([leaf.pem, ca.pem]));
  t.deepEqual(
    facts.map(({ subject, issuer, keyType, product: own }) => ({ subject, issuer, keyType, own })),
    [
      { subject: `CN=manifest PRODUCT:${product}`, issuer: 'CN=A\\, B', keyType: 'ed25519', own: product },
      { subject: 'CN=A\\, B', issuer: 'CN=A\\, B', keyType: 'ecdsa', own: undefined },
    ],
  );
  const bytes = Buffer.from('bytes');
  t.true(signatureFits(leaf.pem, await signWith(leaf, bytes), bytes));
  t.false(signatureFits(leaf.pem, await signWith(ca, bytes), bytes));
});
