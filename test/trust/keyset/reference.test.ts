import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import {
  addProject,
  addSudi,
  listKeysets,
  listProjects,
  openSigner,
  parseAnchors,
  readMachineIdentity,
  revokeProject,
  verifyEvidence,
} from '../../../pkg/trust/index.ts';
import { scratchFolder } from '../../helpers/folders.ts';
import { openssl } from '../../helpers/keyset.ts';
import { makeReferenceKeyset, referenceProduct } from '../../helpers/reference-keyset.ts';

const time = { now: new Date(Date.now() + 60_000), builtAt: new Date('2026-01-01T00:00:00Z') };

test('a keyset of the reference is listed, signs, and takes new projects, machines and revocations', async (t) => {
  const folder = await scratchFolder(t, 'keys');
  const keyset = makeReferenceKeyset(folder);
  t.deepEqual(await listKeysets(linuxHost, { folder }), ['snakeoil']);
  t.deepEqual(await listProjects(linuxHost, 'snakeoil', { folder }), ['default']);

  const anchors = parseAnchors(await readFile(`${keyset}/manifest-ca/cert.pem`), 'manifestCA.pem');
  await addProject(linuxHost, 'snakeoil', 'gateway', { folder });
  for (const project of ['default', 'gateway']) {
    const signer = await openSigner(linuxHost, 'snakeoil', project, { folder });
    const bytes = Buffer.from('signed');
    const evidence = {
      name: 'it',
      bytes,
      certificates: [signer.certificate],
      signatures: [await signer.sign(bytes)],
    };
    t.is(verifyEvidence(evidence, { anchors, product: signer.product, time }).product, signer.product);
    t.is(signer.product === referenceProduct, project === 'default');
  }

  const sudi = await addSudi(linuxHost, 'snakeoil', 'default', 'SN0001', { folder });
  const root = await scratchFolder(t, 'root');
  await linuxHost.files.makeFolder(`${root}/factory/secure`, { parents: true });
  await writeFile(`${root}/factory/secure/server.crt`, await readFile(`${sudi.path}/cert.pem`));
  await writeFile(`${root}/factory/secure/sudiCA.pem`, await readFile(`${keyset}/sudi-ca/cert.pem`));
  t.deepEqual(await readMachineIdentity(linuxHost, { root, time }), {
    product: referenceProduct,
    serial: 'SN0001',
  });

  const { path } = await revokeProject(linuxHost, 'snakeoil', 'default', { folder });
  t.is(openssl(keyset, 'crl', '-in', path, '-noout', '-crlnumber'), 'crlNumber=0x01\n');
});
