import { randomBytes } from 'node:crypto';
import test from 'ava';
import { type Evidence, parseAnchors, verifyEvidence, verifyInstallManifest } from '../../pkg/trust/index.ts';
import { type Issued, makeCa, makeLeaf, otherProduct, product, signWith } from '../helpers/authority.ts';

const time = { now: new Date('2026-11-21T12:00:00Z'), builtAt: new Date('2026-01-01T00:00:00Z') };
const bytes = Buffer.from('{"the":"document"}');
const evidenceOf = (certificates: readonly Uint8Array[], signatures: readonly Uint8Array[]): Evidence => ({
  name: 'it',
  bytes,
  certificates,
  signatures,
});
const policyOf = (...cas: Issued[]) => ({
  anchors: parseAnchors(Buffer.concat(cas.map((ca) => ca.pem)), 'manifestCA.pem'),
  product,
  time,
});

test('the pair that fits is found among strangers, wrecks and keys of other kinds', async (t) => {
  const ca = await makeCa();
  const good = await makeLeaf(ca);
  const retired = await makeLeaf(ca, { until: '2026-03-01T00:00:00Z' });
  const sibling = await makeLeaf(ca, { name: `manifest PRODUCT:${otherProduct}` });
  const stranger = await makeLeaf(await makeCa());
  const certificates = [
    Buffer.alloc(0),
    Buffer.from('-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n'),
    Buffer.from('-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n'),
    good.pem.subarray(0, 300),
    (await makeLeaf(ca, { keyType: 'p384' })).pem,
    stranger.pem,
    retired.pem,
    sibling.pem,
    (await makeLeaf(ca)).pem,
    good.pem,
  ];
  const signature = await signWith(good, bytes);
  const signatures = [
    Buffer.alloc(0),
    randomBytes(71),
    await signWith(stranger, bytes),
    await signWith(retired, bytes),
    await signWith(sibling, bytes),
    await signWith(good, Buffer.from('another document')),
    signature,
  ];
  for (const [cs, ss] of [
    [certificates, signatures],
    [certificates.toReversed(), signatures.toReversed()],
  ] as const) {
    const proof = verifyEvidence(evidenceOf(cs, ss), policyOf(ca));
    t.deepEqual(Buffer.from(proof.certificate), good.pem);
    t.deepEqual(Buffer.from(proof.signature), Buffer.from(signature));
    t.is(proof.product, product);
  }
});

test('a thousand copies of one certificate and a thousand signatures are tried once each', async (t) => {
  const ca = await makeCa();
  const good = await makeLeaf(ca);
  const wrong = Array.from({ length: 1000 }, () => randomBytes(71));
  const certificates = Array.from({ length: 1000 }, () => Buffer.from(good.pem));
  const evidence = evidenceOf(certificates, [...wrong, await signWith(good, bytes)]);
  t.is(verifyEvidence(evidence, policyOf(ca)).product, product);
  t.throws(() => verifyEvidence(evidenceOf(certificates, wrong), policyOf(ca)), {
    message: 'cannot trust it: no signature fits its bytes',
  });
});

test('while keys are rotated, the old and the new CA of one name are both believed', async (t) => {
  const [before, after] = [await makeCa(), await makeCa({ keyType: 'rsa2048' })];
  for (const ca of [before, after]) {
    const leaf = await makeLeaf(ca);
    const evidence = evidenceOf([leaf.pem], [await signWith(leaf, bytes)]);
    t.is(verifyEvidence(evidence, policyOf(before, after)).product, product);
  }
});

test('another project of the keyset that signs too does not hide the one that is meant', async (t) => {
  const ca = await makeCa();
  const [own, other] = [await makeLeaf(ca), await makeLeaf(ca, { name: `manifest PRODUCT:${otherProduct}` })];
  const manifest = Buffer.from(
    `{"version":1,"product":"${product}","targets":[{"service_name":"a","version":"1","service_type":"fs-only","network":{"type":"none"},"nsgroup":"none","digest":"sha256:${'a'.repeat(64)}","storage":null,"size":7}],"storage":null,"update_type":"complete"}`,
  );
  const signatures = [await signWith(other, manifest), await signWith(own, manifest)];
  const firstInstall = { ...policyOf(ca), product: undefined };
  for (const certificates of [
    [other.pem, own.pem],
    [own.pem, other.pem],
  ]) {
    const verified = await verifyInstallManifest(
      { name: 'it', bytes: manifest, certificates, signatures },
      firstInstall,
    );
    t.is(verified.product, product);
    t.deepEqual(Buffer.from(verified.certificate), own.pem);
  }
});

test('more certificates in a row than any chain has are refused unread', async (t) => {
  const ca = await makeCa();
  const leaf = await makeLeaf(ca);
  const pem = Buffer.concat([leaf.pem, ca.pem, ca.pem, ca.pem, ca.pem]);
  t.throws(() => verifyEvidence(evidenceOf([pem], [Buffer.alloc(0)]), policyOf(ca)), {
    message: 'cannot trust it: its certificate is malformed (more than 4 in a row)',
  });
});

test('a loop of certificates that sign each other ends', async (t) => {
  const first = await makeCa({ name: 'A' });
  const second = await makeCa({ name: 'B' }, first);
  const crossed = await makeCa({ name: 'A' }, { ...second, name: 'B' });
  const leaf = await makeLeaf(second);
  const pem = Buffer.concat([leaf.pem, second.pem, crossed.pem, first.pem]);
  const evidence = evidenceOf([pem], [await signWith(leaf, bytes)]);
  t.throws(() => verifyEvidence(evidence, policyOf(nobody)), {
    message: `cannot trust it: its certificate "manifest PRODUCT:${product}" was not signed by a CA of manifestCA.pem`,
  });
});

test('a certificate that is itself in the CA file signs nothing', async (t) => {
  const leaf = await makeLeaf(await makeCa());
  const evidence = evidenceOf([leaf.pem], [await signWith(leaf, bytes)]);
  t.throws(() => verifyEvidence(evidence, policyOf(leaf)), {
    message: `cannot trust it: its certificate "manifest PRODUCT:${product}" was not signed by a CA of manifestCA.pem`,
  });
});

test('the CA itself signs no manifest', async (t) => {
  const ca = await makeCa({
    name: `manifest PRODUCT:${product}`,
    purposes: ['1.3.6.1.5.5.7.3.3'],
    keyUsage: 0x04,
  });
  const evidence = evidenceOf([ca.pem], [await signWith(ca, bytes)]);
  t.throws(() => verifyEvidence(evidence, policyOf(ca)), {
    message: `cannot trust it: its certificate "manifest PRODUCT:${product}" may not sign: KeyUsage lacks digitalSignature`,
  });
});

test('names out of a certificate cannot steer a terminal or fill a log', async (t) => {
  const leaf = await makeLeaf(await makeCa(), { name: `\u001b[31m"red"\u202e\n${'x'.repeat(500)}` });
  const error = t.throws(() => verifyEvidence(evidenceOf([leaf.pem], []), policyOf(nobody)));
  t.is(
    error.message,
    `cannot trust it: its certificate "?[31m?red???${'x'.repeat(188)}" was not signed by a CA of manifestCA.pem`,
  );
});

let nobody: Issued;
test.before(async () => {
  nobody = await makeCa({ name: 'nobody' });
});
