import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import {
  addProject,
  newestRevocationLists,
  openSigner,
  parseAnchors,
  renderRevocationLists,
  revokeProject,
  verifyEvidence,
} from '../../pkg/trust/index.ts';
import { verifyRevocationList } from '../../pkg/trust/revocation.ts';
import { makeCa } from '../helpers/authority.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { openssl } from '../helpers/keyset.ts';
import { makeReferenceKeyset, referenceProduct } from '../helpers/reference-keyset.ts';

const time = { now: new Date(Date.now() + 60_000), builtAt: new Date('2026-01-01T00:00:00Z') };

test('what a revoked project signed is refused, its successor is believed, openssl agrees', async (t) => {
  const folder = await scratchFolder(t, 'keys');
  const keyset = makeReferenceKeyset(folder);
  await addProject(linuxHost, 'snakeoil', 'next', { folder, product: referenceProduct });
  const { path, number, serials } = await revokeProject(linuxHost, 'snakeoil', 'default', { folder });
  t.deepEqual(
    { path, number, serials },
    { path: `${keyset}/manifest-ca/crl.pem`, number: 1, serials: ['7b7b7e5549c23661613cb3de89d6e4ed'] },
  );

  const anchors = parseAnchors(await readFile(`${keyset}/manifest-ca/cert.pem`), 'manifestCA.pem');
  const revoked = newestRevocationLists([await readFile(path)], anchors);
  const bytes = Buffer.from('signed');
  const verify = async (project: string) => {
    const signer = await openSigner(linuxHost, 'snakeoil', project, { folder });
    const evidence = {
      name: 'it',
      bytes,
      certificates: [signer.certificate],
      signatures: [await signer.sign(bytes)],
    };
    return verifyEvidence(evidence, { anchors, product: referenceProduct, time, revoked });
  };
  await t.throwsAsync(verify('default'), {
    code: 'untrusted',
    message: `cannot trust it: its certificate "manifest PRODUCT:${referenceProduct}" was revoked`,
  });
  t.is((await verify('next')).product, referenceProduct);
  const check = (project: string) =>
    openssl(
      keyset,
      'verify',
      '-crl_check',
      '-CRLfile',
      path,
      '-CAfile',
      'manifest-ca/cert.pem',
      `manifest/${project}/cert.pem`,
    );
  t.is(check('next'), 'manifest/next/cert.pem: OK\n');
  t.throws(() => check('default'), { message: /certificate revoked/ });
});

test('lists grow; the newest of each CA counts, whatever order they come in, strangers are passed over', async (t) => {
  const folder = await scratchFolder(t, 'keys');
  const keyset = makeReferenceKeyset(folder);
  await addProject(linuxHost, 'snakeoil', 'next', { folder });
  const { path } = await revokeProject(linuxHost, 'snakeoil', 'default', { folder });
  const first = await readFile(path);
  const again = await revokeProject(linuxHost, 'snakeoil', 'default', { folder });
  t.is(again.serials.length, 1);
  const grown = await revokeProject(linuxHost, 'snakeoil', 'next', { folder });
  t.deepEqual([grown.number, grown.serials.length], [3, 2]);
  const newest = await readFile(path);
  const anchors = parseAnchors(await readFile(`${keyset}/manifest-ca/cert.pem`), 'manifestCA.pem');

  const strangerKeys = makeReferenceKeyset(await scratchFolder(t, 'keys'));
  const stranger = await revokeProject(linuxHost, 'snakeoil', 'default', {
    folder: strangerKeys.replace(/\/snakeoil$/, ''),
  });
  const foreign = await readFile(stranger.path);
  const wreck = newest.subarray(0, newest.length - 40);
  for (const found of [
    [first, newest, foreign, wreck, Buffer.from('x'), Buffer.alloc(0)],
    [wreck, foreign, newest, first],
  ]) {
    const lists = newestRevocationLists(found, anchors);
    t.deepEqual(
      lists.map(({ number, serials }) => ({ number, serials })),
      [{ number: 3n, serials: grown.serials }],
    );
    t.is(renderRevocationLists(lists), newest.toString());
  }
  const der = Buffer.from(newest.toString().replaceAll(/-----.*-----/g, ''), 'base64');
  t.is(newestRevocationLists([der], anchors)[0]?.number, 3n);
});

test('a list of another CA, of a CA that may not, or a delta is refused', async (t) => {
  const folder = await scratchFolder(t, 'crl');
  const ca = await makeCa();
  const make = async (extensions: string, usage: string) => {
    openssl(
      folder,
      'req',
      '-x509',
      '-newkey',
      'ed25519',
      '-nodes',
      '-keyout',
      'k',
      '-out',
      'c',
      '-subj',
      '/CN=CA',
      '-addext',
      usage,
    );
    await writeFile(`${folder}/index`, '');
    await writeFile(`${folder}/number`, '0A\n');
    await writeFile(
      `${folder}/conf`,
      `[ca]\ndefault_ca=d\n[d]\ndatabase=index\ncrlnumber=number\ndefault_md=default\ndefault_crl_days=1\ncrl_extensions=x\n[x]\n${extensions}\n`,
    );
    openssl(folder, 'ca', '-config', 'conf', '-gencrl', '-keyfile', 'k', '-cert', 'c', '-out', 'crl');
    const anchors = parseAnchors(await readFile(`${folder}/c`), 'manifestCA.pem');
    const der = Buffer.from(
      (await readFile(`${folder}/crl`, 'utf8')).replaceAll(/-----.*-----/g, ''),
      'base64',
    );
    return { anchors, der };
  };
  const plain = await make('', 'keyUsage=keyCertSign,cRLSign');
  t.is(verifyRevocationList(plain.der, plain.anchors).number, 10n);
  t.throws(() => verifyRevocationList(plain.der, parseAnchors(ca.pem, 'other.pem')), {
    code: 'untrusted',
    message: 'cannot trust the revocation list: no CA of other.pem signed it',
  });
  const forbidden = await make('', 'keyUsage=keyCertSign');
  t.throws(() => verifyRevocationList(forbidden.der, forbidden.anchors), {
    message: 'cannot trust the revocation list: no CA of manifestCA.pem signed it',
  });
  const delta = await make('2.5.29.27=critical,DER:020101', 'keyUsage=keyCertSign,cRLSign');
  t.throws(() => verifyRevocationList(delta.der, delta.anchors), {
    code: 'invalid',
    message:
      'cannot read the revocation list: it has a critical extension that is not understood (2.5.29.27)',
  });
});

test('a damaged list in a keyset is told before anything is written', async (t) => {
  const folder = await scratchFolder(t, 'keys');
  const keyset = makeReferenceKeyset(folder);
  const path = `${keyset}/manifest-ca/crl.pem`;
  await writeFile(path, 'damaged');
  await t.throwsAsync(revokeProject(linuxHost, 'snakeoil', 'default', { folder }), {
    code: 'corrupt',
    message: `cannot revoke snakeoil:default: ${path} is no list of this CA`,
  });
  t.is(await readFile(path, 'utf8'), 'damaged');
});
