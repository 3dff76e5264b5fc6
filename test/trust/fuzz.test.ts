import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { MosError } from '../../pkg/errors/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { type Certificate, parseCertificate } from '../../pkg/trust/certificate.ts';
import { verifyEfiBytes } from '../../pkg/trust/efi/verify.ts';
import {
  newestRevocationLists,
  parseAnchors,
  revokeProject,
  verifyEvidence,
  verifyInstallManifest,
} from '../../pkg/trust/index.ts';
import { parseCertificatePem, renderPem } from '../../pkg/trust/pem.ts';
import { verifyRevocationList } from '../../pkg/trust/revocation.ts';
import { parseTicket, renderTicket } from '../../pkg/trust/ticket.ts';
import { type KeyKind, makeCa, makeLeaf, product, signWith } from '../helpers/authority.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { mutate, seeded } from '../helpers/mutate.ts';
import { checksumAt, makePe } from '../helpers/pe.ts';
import { makeReferenceKeyset } from '../helpers/reference-keyset.ts';
import { signPe } from '../helpers/sign-pe.ts';

/** `FUZZ_ROUNDS=1000000 FUZZ_SEED=7 ava test/trust/fuzz.test.ts` tries more and others. */
const rounds = Number(process.env.FUZZ_ROUNDS ?? 500);
const seed = Number(process.env.FUZZ_SEED ?? 20261121);

const time = { now: new Date('2026-11-21T12:00:00Z'), builtAt: new Date('2026-01-01T00:00:00Z') };

/** Runs `use` on mutated bytes; it may give a value or a MosError, nothing else. The number of the round repeats it. */
function attack<T>(
  t: ExecutionContext,
  bytes: Uint8Array,
  use: (changed: Buffer) => T,
  check: (value: T, changed: Buffer) => void,
): void {
  let refused = 0;
  for (let round = 0; round < rounds; round++) {
    const changed = mutate(bytes, seeded(seed + round));
    if (changed.equals(bytes)) continue;
    try {
      check(use(changed), changed);
    } catch (error) {
      if (!(error instanceof MosError))
        throw new Error(`round ${round}: ${changed.toString('hex')}`, { cause: error });
      refused++;
    }
  }
  t.log(`${refused} of ${rounds} refused`);
  t.true(refused > rounds / 20);
}

const kinds: readonly KeyKind[] = ['p256', 'rsa2048', 'ed25519'];
for (const keyType of kinds) {
  test(`whatever becomes of a ${keyType} certificate, it ends in a MosError, or openssl reads the same in it`, async (t) => {
    for (const issued of [
      await makeCa({ keyType, pathLength: 1 }),
      await makeLeaf(await makeCa({ keyType }), { keyType }),
    ]) {
      const [der = Buffer.alloc(0)] = parseCertificatePem(issued.pem);
      attack(t, der, parseCertificate, (ours, changed) => sameAsOpenssl(ours, changed, der));
    }
  });

  test(`a changed ${keyType} certificate, signature or document is never believed`, async (t) => {
    const ca = await makeCa({ keyType });
    const leaf = await makeLeaf(ca, { keyType });
    const bytes = Buffer.from(`{"version":1,"product":"${product}"}`);
    const signature = await signWith(leaf, bytes);
    const policy = { anchors: parseAnchors(ca.pem, 'ca'), product, time };
    const evidence = { name: 'it', bytes, certificates: [leaf.pem], signatures: [signature] };
    t.is(verifyEvidence(evidence, policy).product, product);
    const believed = () => {
      throw new Error('believed');
    };
    const [der = Buffer.alloc(0)] = parseCertificatePem(leaf.pem);
    const pemOf = (changed: Buffer) => Buffer.from(renderPem('CERTIFICATE', changed));
    attack(
      t,
      der,
      (changed) => verifyEvidence({ ...evidence, certificates: [pemOf(changed)] }, policy),
      believed,
    );
    attack(
      t,
      signature,
      (changed) => verifyEvidence({ ...evidence, signatures: [changed] }, policy),
      believed,
    );
    attack(t, bytes, (changed) => verifyEvidence({ ...evidence, bytes: changed }, policy), believed);
    attack(
      t,
      leaf.pem,
      (changed) => verifyEvidence({ ...evidence, certificates: [changed] }, policy),
      (proof) => {
        // Text around the block and blanks in it may differ: the certificate in it may not.
        if (!Buffer.from(parseCertificatePem(proof.certificate)[0] ?? []).equals(der)) believed();
      },
    );
  });

  test(`a changed ${keyType} CA never crashes the one that trusts it`, async (t) => {
    const ca = await makeCa({ keyType });
    const leaf = await makeLeaf(ca, { keyType });
    const bytes = Buffer.from('bytes');
    const evidence = {
      name: 'it',
      bytes,
      certificates: [leaf.pem],
      signatures: [await signWith(leaf, bytes)],
    };
    const [der = Buffer.alloc(0)] = parseCertificatePem(ca.pem);
    const use = (changed: Buffer) => {
      const anchors = parseAnchors(Buffer.from(renderPem('CERTIFICATE', changed)), 'ca');
      return verifyEvidence(evidence, { anchors, product, time }).product;
    };
    attack(t, der, use, (value) => t.is(value, product));
  });
}

/** Of the extensions in a certificate of ours, in DER: 2.5.29.19, .15, .14, .35, .37. */
const extensions = ['13', '0f', '0e', '23', '25'].map((last) => Buffer.from(`0603551d${last}`, 'hex'));

/** What OpenSSL makes of the same bytes. It calls nothing a CA that has a malformed extension, also one we don't look at. */
function sameAsOpenssl(ours: Certificate, changed: Buffer, original: Uint8Array): void {
  const theirs = new X509Certificate(changed);
  const isCa = ours.isCa && (ours.keyUsage === undefined || ours.keyUsage.includes('keyCertSign'));
  const hasOthers = extensions.some(
    (type) => changed.includes(type) !== Buffer.from(original).includes(type),
  );
  const same =
    (theirs.ca === isCa || hasOthers) &&
    BigInt(`0x${theirs.serialNumber}`) === BigInt(`0x${ours.serial}`) &&
    theirs.validFromDate.getTime() === ours.notBefore.getTime() &&
    theirs.validToDate.getTime() === ours.notAfter.getTime() &&
    theirs.publicKey.equals(ours.key.key);
  if (!same) throw new Error(`read otherwise: ${theirs}`);
}

test('a changed revocation list is never believed, and takes no good one away', async (t) => {
  const folder = await scratchFolder(t, 'keys');
  const keyset = makeReferenceKeyset(folder);
  const { path, serials } = await revokeProject(linuxHost, 'snakeoil', 'default', { folder });
  const anchors = parseAnchors(await readFile(`${keyset}/manifest-ca/cert.pem`), 'ca');
  const good = await readFile(path);
  const der = Buffer.from(good.toString().replaceAll(/-----.*-----/g, ''), 'base64');
  attack(
    t,
    der,
    (changed) => verifyRevocationList(changed, anchors),
    () => {
      throw new Error('believed');
    },
  );
  for (let round = 0; round < 50; round++)
    t.deepEqual(
      newestRevocationLists([mutate(der, seeded(seed + round)), good], anchors)[0]?.serials,
      serials,
    );
});

test('a changed EFI file is never believed, but for its checksum', async (t) => {
  const folder = await scratchFolder(t, 'efi');
  const { bytes, certificate } = await signPe(folder, makePe());
  const { certificates } = parseAnchors(certificate, 'db');
  t.is(verifyEfiBytes(bytes, 'it', certificates).signatures, 1);
  const plain = (file: Buffer) =>
    Buffer.concat([file.subarray(0, checksumAt), file.subarray(checksumAt + 4)]);
  attack(
    t,
    bytes,
    (changed) => verifyEfiBytes(changed, 'it', certificates),
    (_, changed) => {
      const tableAt = bytes.readUInt32LE(checksumAt - 64 + 112 + 32);
      // What the signature doesn't cover of itself: its checksum, and certificates beside the signer's in the blob.
      if (!plain(changed.subarray(0, tableAt)).equals(plain(bytes.subarray(0, tableAt))))
        throw new Error('believed');
    },
  );
});

test('a changed ticket or manifest is read, or refused with a MosError', async (t) => {
  const ticket = renderTicket({
    version: 1,
    product,
    serial: 'SN1',
    from: 2,
    to: 1,
    nonce: '0'.repeat(32),
    not_after: '2026-12-01T00:00:00Z',
  });
  attack(
    t,
    Buffer.from(ticket),
    (changed) => parseTicket(changed, 'it'),
    (value) => t.is(value.version, 1),
  );
});

test('signed garbage is refused with a MosError', async (t) => {
  const ca = await makeCa();
  const leaf = await makeLeaf(ca);
  const policy = { anchors: parseAnchors(ca.pem, 'ca'), product, time };
  const manifest = Buffer.from(
    JSON.stringify({
      version: 1,
      product,
      storage: null,
      targets: [
        {
          service_name: 'web',
          version: '1',
          service_type: 'fs-only',
          network: { type: 'none' },
          nsgroup: 'none',
          digest: `sha256:${'a'.repeat(64)}`,
          storage: null,
          size: 7,
        },
      ],
      update_type: 'complete',
    }),
  );
  for (let round = 0; round < rounds / 10; round++) {
    const bytes = mutate(manifest, seeded(seed + round));
    const evidence = {
      name: 'it',
      bytes,
      certificates: [leaf.pem],
      signatures: [await signWith(leaf, bytes)],
    };
    try {
      t.is((await verifyInstallManifest(evidence, policy)).manifest.product, product as never);
    } catch (error) {
      t.true(error instanceof MosError, `round ${round}: ${bytes.toString('hex')}: ${error}`);
    }
  }
});
