import { chmod, mkdir, writeFile } from 'node:fs/promises';
import test from 'ava';
import type { MosError } from '../../pkg/errors/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { readAnchors, readSudiAnchors } from '../../pkg/trust/index.ts';
import { makeCa } from '../helpers/authority.ts';
import { scratchFolder } from '../helpers/folders.ts';

const names = (anchors: Awaited<ReturnType<typeof readAnchors>>) =>
  anchors.certificates.map((certificate) => certificate.subject.commonName);

test('a CA that was named counts alone, else that of the installed machine, else that of the initrd', async (t) => {
  const root = await scratchFolder(t, 'root');
  await mkdir(`${root}/factory/secure`, { recursive: true });
  await writeFile(`${root}/named.pem`, (await makeCa({ name: 'named' })).pem);
  await writeFile(`${root}/manifestCA.pem`, (await makeCa({ name: 'initrd' })).pem);
  t.deepEqual(names(await readAnchors(linuxHost, { root })), ['initrd']);
  const [old, next] = [await makeCa({ name: 'old' }), await makeCa({ name: 'new' })];
  await writeFile(
    `${root}/factory/secure/manifestCA.pem`,
    Buffer.concat([old.pem, Buffer.from('# a comment\n'), next.pem]),
  );
  t.deepEqual(names(await readAnchors(linuxHost, { root })), ['old', 'new']);
  t.deepEqual(names(await readAnchors(linuxHost, { root, file: `${root}/named.pem` })), ['named']);
});

test('a CA file that is there and cannot be used is an error, not a reason to try the next', async (t) => {
  const root = await scratchFolder(t, 'root');
  const path = `${root}/factory/secure/manifestCA.pem`;
  await mkdir(`${root}/factory/secure`, { recursive: true });
  await writeFile(`${root}/manifestCA.pem`, (await makeCa()).pem);
  const refuses = (why: string) =>
    t.throwsAsync<MosError>(readAnchors(linuxHost, { root }), {
      code: 'untrusted',
      message: `cannot use ${path} as the manifest CA: ${why}`,
    });
  await writeFile(path, '');
  const { hint } = (await refuses('there is no certificate in it')) ?? {};
  t.is(hint, `it must be PEM; a DER file becomes one by: openssl x509 -inform DER -in ${path} -out ca.pem`);
  await writeFile(path, (await makeCa()).pem.subarray(0, 400));
  await refuses('one cannot read PEM: a CERTIFICATE block has no end');
  await writeFile(path, (await makeCa({ keyType: 'p384' })).pem);
  await refuses('one cannot use the key: an elliptic curve other than P-256 (1.3.132.0.34)');
  await chmod(path, 0o000);
  await mkdir(`${root}/folder`);
  await t.throwsAsync(readAnchors(linuxHost, { file: `${root}/folder` }), {
    message: `cannot read ${root}/folder: it is a folder`,
  });
});

test('what is missing is told with what to do', async (t) => {
  const root = await scratchFolder(t, 'root');
  await t.throwsAsync(readAnchors(linuxHost, { root }), {
    code: 'not-found',
    message: `cannot find the manifest CA: there is no ${root}/factory/secure/manifestCA.pem`,
  });
  await t.throwsAsync(readSudiAnchors(linuxHost, { root }), {
    code: 'not-found',
    message: `cannot find the SUDI CA: there is no ${root}/factory/secure/sudiCA.pem`,
  });
  await t.throwsAsync(readAnchors(linuxHost, { file: `${root}/x.pem` }), {
    code: 'not-found',
    message: `cannot read ${root}/x.pem: it does not exist`,
  });
});
