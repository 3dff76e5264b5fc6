import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { parseAnchors, revokeProject, verifyEvidence } from '../../../pkg/trust/index.ts';
import { parseCertificatePem } from '../../../pkg/trust/pem.ts';
import { makeCa, makeLeaf, signWith } from '../../helpers/authority.ts';
import { compile } from '../../helpers/compile.ts';
import { scratchFolder } from '../../helpers/folders.ts';
import { openssl } from '../../helpers/keyset.ts';
import { mutate, seeded } from '../../helpers/mutate.ts';
import { makePe } from '../../helpers/pe.ts';
import { makeReferenceKeyset } from '../../helpers/reference-keyset.ts';
import { signPe } from '../../helpers/sign-pe.ts';
import type { TrustVector } from './program.ts';

const source = 'test/parity/trust/program.ts';
const rounds = Number(process.env.FUZZ_ROUNDS ?? 400);
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const run = (program: string, args: readonly string[], vectors: readonly TrustVector[]) =>
  new Promise<readonly unknown[]>((resolve, reject) => {
    const child = execFile(program, args, { maxBuffer: 1 << 28 }, (error, stdout, stderr) =>
      error === null && stderr === ''
        ? resolve(JSON.parse(stdout))
        : reject(new Error(`${error?.message} ${stderr}`)),
    );
    child.stdin?.end(JSON.stringify(vectors));
  });

/** Good ones first, then the same with random changes. */
async function vectorsOf(t: ExecutionContext): Promise<{ good: TrustVector[]; changed: TrustVector[] }> {
  const good: TrustVector[] = [];
  const changed: TrustVector[] = [];
  const changes = (bytes: Uint8Array, count = rounds) =>
    Array.from({ length: count }, (_, round) => base64(mutate(bytes, seeded(round))));
  for (const keyType of ['p256', 'rsa2048', 'ed25519'] as const) {
    const ca = await makeCa({ keyType });
    const leaf = await makeLeaf(ca, { keyType });
    const bytes = Buffer.from('{"a":1}');
    const signature = await signWith(leaf, bytes);
    const document: TrustVector = {
      kind: 'document',
      anchors: base64(ca.pem),
      bytes: base64(bytes),
      certificate: base64(leaf.pem),
      signature: base64(signature),
    };
    good.push(document);
    changed.push(...changes(signature).map((value) => ({ ...document, signature: value })));
    changed.push(...changes(leaf.pem, 100).map((value) => ({ ...document, certificate: value })));
    for (const der of [ca, leaf].flatMap((issued) => parseCertificatePem(issued.pem))) {
      good.push({ kind: 'certificate', der: base64(der) });
      changed.push(...changes(der).map((value) => ({ kind: 'certificate', der: value }) as const));
    }
  }
  for (const keyType of ['p384', 'rsa1024'] as const) {
    const [der = Buffer.alloc(0)] = parseCertificatePem((await makeCa({ keyType })).pem);
    changed.push({ kind: 'certificate', der: base64(der) });
  }
  const folder = await scratchFolder(t, 'keys');
  const keyset = makeReferenceKeyset(folder);
  const { path } = await revokeProject(linuxHost, 'snakeoil', 'default', { folder });
  const der = Buffer.from((await readFile(path, 'utf8')).replaceAll(/-----.*-----/g, ''), 'base64');
  const anchors = base64(await readFile(`${keyset}/manifest-ca/cert.pem`));
  good.push({ kind: 'list', anchors, der: base64(der) });
  changed.push(...changes(der, 100).map((value) => ({ kind: 'list', anchors, der: value }) as const));
  const pe = await signPe(folder, makePe());
  const db = base64(pe.certificate);
  good.push({ kind: 'efi', anchors: db, file: base64(pe.bytes) });
  changed.push(
    ...changes(pe.bytes, 100).map((value) => ({ kind: 'efi', anchors: db, file: value }) as const),
  );
  return { good, changed };
}

test('the executable believes and refuses what Node does, and says the same', async (t) => {
  const compiled = await compile(source, 'trust');
  t.teardown(() => rm(compiled));
  const { good, changed } = await vectorsOf(t);
  const byNode = await run('node', [source], [...good, ...changed]);
  const byExecutable = await run(compiled, [], [...good, ...changed]);
  const refused = (value: unknown) => typeof value === 'string' && /^(invalid|untrusted): /.test(value);
  for (const [index, value] of byNode.slice(0, good.length).entries())
    t.false(refused(value), `${index}: ${JSON.stringify(value)}`);
  for (const [index, value] of byExecutable.entries())
    if (JSON.stringify(value) !== JSON.stringify(byNode[index]))
      t.fail(
        `${JSON.stringify([...good, ...changed][index])}\nNode: ${JSON.stringify(byNode[index])}\nexecutable: ${JSON.stringify(value)}`,
      );
  t.deepEqual(
    byExecutable.filter((value) => typeof value === 'string' && value.startsWith('untyped')),
    [],
  );
  const count = byExecutable.slice(good.length).filter(refused).length;
  t.log(`${byNode.length} vectors, ${count} refused`);
  t.true(count > changed.length / 2);
});

const makes = test.macro({
  title: (_, keyType: 'rsa' | 'ecdsa' | 'ed25519') =>
    `a keyset of ${keyType} made by the executable is one that openssl and Node believe`,
  async exec(t, keyType: 'rsa' | 'ecdsa' | 'ed25519') {
    const compiled = await compile(source, `trust-${keyType}`);
    t.teardown(() => rm(compiled));
    const folder = await scratchFolder(t, 'keys');
    const [signature] = await run(compiled, [], [{ kind: 'keyset', folder, keyType }]);
    const keyset = `${folder}/acme`;
    t.is(
      openssl(keyset, 'verify', '-CAfile', 'manifest-ca/cert.pem', 'manifest/default/cert.pem'),
      'manifest/default/cert.pem: OK\n',
    );
    t.is(
      openssl(keyset, 'verify', '-CAfile', 'sudi-ca/cert.pem', 'manifest/default/sudi/SN1/cert.pem'),
      'manifest/default/sudi/SN1/cert.pem: OK\n',
    );
    t.is(
      openssl(
        keyset,
        'crl',
        '-in',
        'manifest-ca/crl.pem',
        '-CAfile',
        'manifest-ca/cert.pem',
        '-noout',
        '-crlnumber',
      ),
      'crlNumber=0x01\n',
    );
    for (const name of ['manifest-ca', 'uefi-pk', 'manifest/default', 'manifest/default/sudi/SN1'])
      t.is(openssl(keyset, 'pkey', '-in', `${name}/privkey.pem`, '-check', '-noout'), 'Key is valid\n', name);
    const evidence = {
      name: 'it',
      bytes: Buffer.from('signed'),
      certificates: [await readFile(`${keyset}/manifest/default/cert.pem`)],
      signatures: [Buffer.from(String(signature), 'base64')],
    };
    const anchors = parseAnchors(await readFile(`${keyset}/manifest-ca/cert.pem`), 'ca.pem');
    const now = new Date(Date.now() + 60_000);
    const proof = verifyEvidence(evidence, { anchors, time: { now, builtAt: new Date(0) } });
    t.is(proof.product, await readFile(`${keyset}/manifest/default/uuid`, 'utf8'));
  },
});
test(makes, 'rsa');
test(makes, 'ecdsa');
test(makes, 'ed25519');
