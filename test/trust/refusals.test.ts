import { readFileSync } from 'node:fs';
import test from 'ava';
import { hintOf, MosError } from '../../pkg/errors/index.ts';
import {
  type Evidence,
  type Policy,
  parseAnchors,
  verifyEvidence,
  verifyInstallManifest,
} from '../../pkg/trust/index.ts';
import { refusals } from '../../pkg/trust/refusals.ts';
import {
  type Flaws,
  flags,
  type Issued,
  makeCa,
  makeLeaf,
  otherProduct,
  product,
  serverAuth,
  signWith,
} from '../helpers/authority.ts';

const builtAt = new Date('2026-01-01T00:00:00Z');
const now = new Date('2026-11-21T12:00:00Z');
const manifest = (more: object = {}) =>
  Buffer.from(
    JSON.stringify({
      version: 1,
      product,
      storage: null,
      targets: [
        {
          service_name: 'web',
          version: '1.0.0',
          service_type: 'fs-only',
          network: { type: 'none', ipv4: '', ipv6: '', ports: null },
          nsgroup: 'none',
          digest: `sha256:${'a'.repeat(64)}`,
          storage: null,
          size: 700,
        },
      ],
      update_type: 'complete',
      ...more,
    }),
  );

type Case = {
  readonly ca?: Flaws;
  readonly leaf?: Flaws;
  readonly between?: readonly Flaws[];
  readonly change?: (evidence: Evidence) => Evidence | Promise<Evidence>;
  /** The machine trusts another CA of the same name. */
  readonly otherCa?: boolean;
  readonly policy?: Partial<Policy>;
  readonly bytes?: Buffer;
};

/** A manifest signed by a certificate with flaws, below a CA with flaws. */
async function prepare({ ca, leaf, between = [], change, otherCa, policy, bytes = manifest() }: Case) {
  const root = await makeCa(ca);
  const chain: Issued[] = [root];
  for (const flaws of between) chain.unshift(await makeCa(flaws, chain[0]));
  const signer = await makeLeaf(chain[0] as Issued, leaf);
  const certificate = Buffer.concat([signer.pem, ...chain.slice(0, -1).map((c) => c.pem)]);
  const evidence: Evidence = {
    name: 'localhost:5000/machine/install:1.0.0',
    bytes,
    certificates: [certificate],
    signatures: [await signWith(signer, bytes)],
  };
  const trusted = otherCa ? await makeCa() : root;
  const anchors = parseAnchors(trusted.pem, '/factory/secure/manifestCA.pem');
  return {
    evidence: (await change?.(evidence)) ?? evidence,
    policy: { anchors, product, time: { now, builtAt }, ...policy },
  };
}

/** Filled while the tests are declared. */
const covered = new Set<string>();

const refuses = test.macro({
  title: (title = '', kind: keyof typeof refusals) => {
    covered.add(kind);
    return `refused: ${title}`;
  },
  async exec(t, kind: keyof typeof refusals, reason: string, given: Case) {
    const { evidence, policy } = await prepare(given);
    const error = await t.throwsAsync(verifyInstallManifest(evidence, policy), {
      instanceOf: MosError,
      code: 'untrusted',
      message: `cannot trust localhost:5000/machine/install:1.0.0: ${reason}`,
    });
    t.is(hintOf(error), refusals[kind].hint);
  },
});

const accepts = test.macro({
  title: (title) => `accepted: ${title}`,
  async exec(t, given: Case) {
    const { evidence, policy } = await prepare(given);
    t.is((await verifyInstallManifest(evidence, policy)).manifest.product, product as never);
  },
});

const leafName = `"manifest PRODUCT:${product}"`;

test('a plain chain', accepts, {});
test('keys of Ed25519', accepts, { ca: { keyType: 'ed25519' }, leaf: { keyType: 'ed25519' } });
test('RSA below Ed25519', accepts, { ca: { keyType: 'ed25519' }, leaf: { keyType: 'rsa2048' } });
test('a CA without KeyUsage, as the reference makes them', accepts, { ca: { keyUsage: undefined } });
test('a CA between, sent with the certificate', accepts, { between: [{ name: 'Between' }] });
test('as many CAs between as the path length allows', accepts, {
  ca: { pathLength: 1 },
  between: [{ name: 'Between' }],
});
test('an expired certificate at boot', accepts, {
  leaf: { until: '2026-03-01T00:00:00Z' },
  policy: { time: 'at boot' },
});
test('no product of the machine is known yet', accepts, { policy: { product: undefined } });
test('the last second of its validity', accepts, { leaf: { until: '2026-11-21T12:00:00Z' } });

test('no certificate', refuses, 'no-certificate', 'no certificate came with it', {
  change: (evidence) => ({ ...evidence, certificates: [] }),
});
test('no signature', refuses, 'no-signature', 'no signature came with it', {
  change: (evidence) => ({ ...evidence, signatures: [] }),
});
test(
  'something else in place of a certificate',
  refuses,
  'malformed',
  'its certificate is malformed (it is not PEM)',
  {
    change: (evidence) => ({ ...evidence, certificates: [Buffer.from('hello')] }),
  },
);
test(
  'a cut certificate',
  refuses,
  'malformed',
  'its certificate is malformed (cannot read PEM: a CERTIFICATE block has no end)',
  {
    change: (e) => ({ ...e, certificates: [e.certificates[0]?.subarray(0, 200) as Uint8Array] }),
  },
);
test(
  'an elliptic curve that is not P-256',
  refuses,
  'key-type',
  'its certificate is of a kind that is not accepted (cannot use the key: an elliptic curve other than P-256 (1.3.132.0.34))',
  {
    leaf: { keyType: 'p384' },
  },
);
test(
  'an RSA key of 1024 bits',
  refuses,
  'key-type',
  'its certificate is of a kind that is not accepted (cannot use the key: an RSA key of 1024 bits, at least 2048 are asked for)',
  {
    leaf: { keyType: 'rsa1024' },
  },
);
test(
  'a certificate signed with SHA-1',
  refuses,
  'key-type',
  'its certificate is of a kind that is not accepted (cannot use the signature algorithm 1.2.840.113549.1.1.5)',
  {
    ca: { keyType: 'rsa2048' },
    change: async (e) => ({ ...e, certificates: [await sha1Certificate()] }),
  },
);
test(
  'a CA that is not ours',
  refuses,
  'unknown-ca',
  `its certificate ${leafName} was not signed by a CA of /factory/secure/manifestCA.pem`,
  {
    otherCa: true,
  },
);
test(
  'a CA without the CA flag',
  refuses,
  'ca-flag',
  'its CA "Manifest rootCA" is no CA: the CA flag is missing',
  {
    ca: { isCa: false },
  },
);
test(
  'a CA without BasicConstraints',
  refuses,
  'ca-flag',
  'its CA "Manifest rootCA" is no CA: the CA flag is missing',
  {
    ca: { isCa: undefined },
  },
);
test(
  'a leaf that signs a certificate',
  refuses,
  'ca-flag',
  'its CA "Between" is no CA: the CA flag is missing',
  {
    between: [{ name: 'Between', isCa: false }],
  },
);
test(
  'a CA that may not sign certificates',
  refuses,
  'ca-usage',
  'its CA "Manifest rootCA" may not sign certificates: KeyUsage lacks keyCertSign',
  {
    ca: { keyUsage: flags.digitalSignature },
  },
);
test(
  'a CA with an unknown critical extension',
  refuses,
  'ca-critical',
  'its CA "Manifest rootCA" has a critical extension that is not understood (2.5.29.30)',
  {
    ca: { critical: '2.5.29.30' },
  },
);
test(
  'a CA with constraints that we do not apply, critical or not',
  refuses,
  'ca-critical',
  'its CA "Manifest rootCA" has a critical extension that is not understood (2.5.29.30)',
  { ca: { uncritical: '2.5.29.30' } },
);
test('an unknown extension that is not critical', accepts, {
  ca: { uncritical: '1.2.3.4' },
  leaf: { uncritical: '1.2.3.4' },
});
test(
  'more CAs than the path length allows',
  refuses,
  'path-length',
  'more CAs stand between its certificate and "Manifest rootCA" than that one allows (1 of 0)',
  {
    ca: { pathLength: 0 },
    between: [{ name: 'Between' }],
  },
);
test(
  'a certificate with an unknown critical extension',
  refuses,
  'critical',
  `its certificate ${leafName} has a critical extension that is not understood (1.2.3.4)`,
  {
    leaf: { critical: '1.2.3.4' },
  },
);
test(
  'a certificate without digitalSignature',
  refuses,
  'leaf-usage',
  `its certificate ${leafName} may not sign: KeyUsage lacks digitalSignature`,
  {
    leaf: { keyUsage: flags.keyEncipherment },
  },
);
test(
  'a certificate without KeyUsage',
  refuses,
  'leaf-usage',
  `its certificate ${leafName} may not sign: KeyUsage lacks digitalSignature`,
  {
    leaf: { keyUsage: undefined },
  },
);
test(
  'a certificate for servers',
  refuses,
  'leaf-purpose',
  `its certificate ${leafName} is not for this purpose: ExtendedKeyUsage lacks code signing`,
  {
    leaf: { purposes: [serverAuth] },
  },
);
test(
  'a certificate for any purpose',
  refuses,
  'leaf-purpose',
  `its certificate ${leafName} is not for this purpose: ExtendedKeyUsage lacks code signing`,
  {
    leaf: { purposes: ['2.5.29.37.0'] },
  },
);
test(
  'a certificate of tomorrow',
  refuses,
  'not-yet-valid',
  `the certificate ${leafName} is valid only from 2026-11-22T00:00:00.000Z`,
  {
    leaf: { from: '2026-11-22T00:00:00Z' },
  },
);
test(
  'an expired certificate',
  refuses,
  'expired',
  `the certificate ${leafName} has expired at 2026-11-21T11:59:59.000Z`,
  {
    leaf: { until: '2026-11-21T11:59:59Z' },
  },
);
test(
  'an expired CA',
  refuses,
  'expired',
  'the certificate "Manifest rootCA" has expired at 2026-11-20T00:00:00.000Z',
  {
    ca: { until: '2026-11-20T00:00:00Z' },
  },
);
test('a certificate without a product', refuses, 'no-product', 'its certificate "web" names no product', {
  leaf: { name: 'web' },
});
test(
  'a product with a newline',
  refuses,
  'no-product',
  'its certificate "manifest PRODUCT:a?b" names no product',
  {
    leaf: { name: 'manifest PRODUCT:a\nb' },
  },
);
test('one changed byte', refuses, 'signature', 'no signature fits its bytes', {
  change: (e) => ({
    ...e,
    bytes: Buffer.from(e.bytes.map((byte, index) => (index === 40 ? byte ^ 1 : byte))),
  }),
});
test(
  'a certificate of another product of the same keyset',
  refuses,
  'machine-product',
  `it is for product ${otherProduct}, this machine is ${product}`,
  {
    leaf: { name: `manifest PRODUCT:${otherProduct}` },
  },
);
test(
  'a manifest of another product',
  refuses,
  'manifest-product',
  `its certificate is for product ${product}, it names ${otherProduct}`,
  {
    bytes: manifest({ product: otherProduct }),
  },
);
test(
  'a manifest past its own date',
  refuses,
  'outdated',
  'its publisher allows nobody to accept it after 2026-11-01T00:00:00Z',
  {
    bytes: manifest({ not_after: '2026-11-01T00:00:00Z' }),
  },
);

test('a clock earlier than the build is an error of its own', async (t) => {
  const { evidence, policy } = await prepare({ policy: { time: { now: new Date(0), builtAt } } });
  await t.throwsAsync(verifyInstallManifest(evidence, policy), {
    code: 'state',
    message:
      'cannot judge dates: the clock says 1970-01-01T00:00:00.000Z, but this program was built at 2026-01-01T00:00:00.000Z',
  });
});

test('a clock of 2099 refuses at acceptance and does not stop a boot', async (t) => {
  const late = await prepare({ policy: { time: { now: new Date('2099-01-01T00:00:00Z'), builtAt } } });
  await t.throwsAsync(verifyInstallManifest(late.evidence, late.policy), {
    message: `cannot trust localhost:5000/machine/install:1.0.0: the certificate ${leafName} has expired at 2046-02-01T00:00:00.000Z`,
  });
  t.is((await verifyInstallManifest(late.evidence, { ...late.policy, time: 'at boot' })).product, product);
});

test('nothing is parsed before a signature fits', async (t) => {
  const { evidence, policy } = await prepare({ bytes: Buffer.from('{"version":2}') });
  await t.throwsAsync(verifyInstallManifest(evidence, policy), { code: 'unsupported' });
  await t.throwsAsync(verifyInstallManifest({ ...evidence, bytes: Buffer.from('{"version":3}') }, policy), {
    message: 'cannot trust localhost:5000/machine/install:1.0.0: no signature fits its bytes',
  });
});

test('of several certificates the nearest reason is told, and how many more there were', async (t) => {
  const { evidence, policy } = await prepare({ leaf: { until: '2026-11-20T00:00:00Z' } });
  const stranger = await makeLeaf(await makeCa());
  const certificates = [Buffer.from('x'), ...evidence.certificates, stranger.pem];
  t.throws(() => verifyEvidence({ ...evidence, certificates }, policy), {
    message: `cannot trust localhost:5000/machine/install:1.0.0: the certificate ${leafName} has expired at 2026-11-20T00:00:00.000Z (2 other certificates refused too)`,
  });
});

async function sha1Certificate(): Promise<Uint8Array> {
  const ca = await makeCa({ keyType: 'rsaSha1' });
  return (await makeLeaf(ca, { keyType: 'rsaSha1' })).pem;
}

test('every refusal of signed manifests has its case above', (t) => {
  const elsewhere = ['revoked', 'no-identity', 'no-role', 'ticket-serial', 'ticket-floor', 'ticket-used'];
  t.deepEqual(
    // Those of release channels: test/trust/channel.
    Object.keys(refusals).filter((kind) => !covered.has(kind) && !kind.startsWith('index-')),
    elsewhere,
  );
});

test('the table of refusals in the README is the one in the code', (t) => {
  const readme = readFileSync('pkg/trust/README.md', 'utf8');
  const rows = [...readme.matchAll(/^\| `([a-z-]+)` \| (.*?) \| (.*?) \|$/gm)].map(([, kind, text, hint]) => [
    kind,
    text,
    hint,
  ]);
  t.deepEqual(
    rows,
    Object.entries(refusals).map(([kind, { text, hint }]) => [kind, text, hint ?? '']),
  );
});
