import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parseAnchors, verifyEvidence } from '../../pkg/trust/index.ts';

const product = '7f3a1c52-0f5e-4c0b-9a53-0d0e6c1b2a10';
const builtAt = new Date('2026-01-01T00:00:00Z');
const keyArguments = {
  'RSA-2048': ['rsa:2048'],
  'ECDSA P-256': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  Ed25519: ['ed25519'],
};

/** A CA and a project certificate made by openssl alone, and a document it signed. */
function signedByOpenssl(t: ExecutionContext, kind: keyof typeof keyArguments) {
  const folder = mkdtempSync(join(tmpdir(), 'mos-trust-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const openssl = (...argv: string[]) => execFileSync('openssl', argv, { cwd: folder, stdio: 'pipe' });
  const key = ['-nodes', '-newkey', ...keyArguments[kind]];
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=Manifest rootCA',
    '-days',
    '30',
  );
  openssl(
    'req',
    ...key,
    '-keyout',
    'leaf.key',
    '-out',
    'leaf.csr',
    '-subj',
    `/CN=manifest PRODUCT:${product}`,
  );
  writeFileSync(join(folder, 'ext'), 'keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n');
  openssl(
    'x509',
    '-req',
    '-in',
    'leaf.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-out',
    'leaf.pem',
    '-extfile',
    'ext',
    '-CAcreateserial',
  );
  writeFileSync(join(folder, 'document'), 'the exact bytes\n');
  if (kind === 'Ed25519')
    openssl('pkeyutl', '-sign', '-rawin', '-inkey', 'leaf.key', '-in', 'document', '-out', 'signature');
  else openssl('dgst', '-sha256', '-sign', 'leaf.key', '-out', 'signature', 'document');
  const read = (name: string) => readFileSync(join(folder, name));
  return {
    anchors: parseAnchors(read('ca.pem'), 'ca.pem'),
    certificate: read('leaf.pem'),
    signature: read('signature'),
    bytes: read('document'),
  };
}

const accepts = test.macro({
  title: (_, kind: keyof typeof keyArguments) =>
    `a document signed by openssl with ${kind} is believed, one bit later it is not`,
  exec: (t, kind: keyof typeof keyArguments) => {
    const { anchors, certificate, signature, bytes } = signedByOpenssl(t, kind);
    const evidence = { name: 'document', bytes, certificates: [certificate], signatures: [signature] };
    const policy = { anchors, product, time: { now: new Date(), builtAt } };
    const proof = verifyEvidence(evidence, policy);
    t.is(proof.product, product);
    t.is(proof.sha, '73f61f2a713e561e16c5721d1008e0106e09fd7090dab0d8341dba7708d6e2de');
    const other = Buffer.from(bytes);
    other[0] = (other[0] ?? 0) ^ 1;
    t.throws(() => verifyEvidence({ ...evidence, bytes: other }, policy), {
      message: 'cannot trust document: no signature fits its bytes',
    });
  },
});
test(accepts, 'RSA-2048');
test(accepts, 'ECDSA P-256');
test(accepts, 'Ed25519');
