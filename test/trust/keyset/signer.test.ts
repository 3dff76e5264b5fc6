import { KeyObject } from 'node:crypto';
import { cp, readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { openSigner, parseProjectName } from '../../../pkg/trust/index.ts';
import { type KeyKind, makeCa, makeLeaf, product } from '../../helpers/authority.ts';
import { scratchFolder } from '../../helpers/folders.ts';
import { openssl } from '../../helpers/keyset.ts';

/** A keyset of one project, and nothing else. */
async function oneProject(folder: string, keyType: KeyKind): Promise<string> {
  const path = `${folder}/acme/manifest/default`;
  await linuxHost.files.makeFolder(path, { parents: true });
  const leaf = await makeLeaf(await makeCa({ keyType }), { keyType });
  const key = KeyObject.from(leaf.keys.privateKey).export({ format: 'pem', type: 'pkcs8' });
  await writeFile(`${path}/cert.pem`, leaf.pem);
  await writeFile(`${path}/privkey.pem`, key);
  await writeFile(`${path}/uuid`, product);
  return path;
}

const accepted = test.macro({
  title: (_, keyType: KeyKind) => `openssl accepts what a project key of type ${keyType} signs`,
  async exec(t, keyType: KeyKind) {
    const folder = await scratchFolder(t, 'keys');
    const path = await oneProject(folder, keyType);
    const signer = await openSigner(linuxHost, 'acme', 'default', { folder });
    t.is(signer.product, product);
    t.deepEqual(Buffer.from(signer.certificate), await readFile(`${path}/cert.pem`));
    await writeFile(`${path}/document`, 'the exact bytes\n');
    await writeFile(`${path}/signature`, await signer.sign(Buffer.from('the exact bytes\n')));
    openssl(path, 'x509', '-in', 'cert.pem', '-noout', '-pubkey', '-out', 'pub.pem');
    const verified =
      keyType === 'ed25519'
        ? openssl(
            path,
            'pkeyutl',
            '-verify',
            '-pubin',
            '-inkey',
            'pub.pem',
            '-rawin',
            '-in',
            'document',
            '-sigfile',
            'signature',
          )
        : openssl(path, 'dgst', '-sha256', '-verify', 'pub.pem', '-signature', 'signature', 'document');
    t.regex(verified, /^(Verified OK|Signature Verified Successfully)\n$/);
  },
});
test(accepted, 'rsa2048');
test(accepted, 'p256');
test(accepted, 'ed25519');

test('a signer whose key, certificate and uuid do not belong together is refused', async (t) => {
  const folder = await scratchFolder(t, 'keys');
  const path = await oneProject(folder, 'p256');
  const other = await oneProject(await scratchFolder(t, 'keys'), 'p256');
  await writeFile(`${path}/uuid`, '00000000-0000-4000-8000-000000000000');
  await t.throwsAsync(openSigner(linuxHost, 'acme', 'default', { folder }), {
    code: 'untrusted',
    message:
      'cannot sign with acme:default: its certificate is not for product 00000000-0000-4000-8000-000000000000',
  });
  await cp(`${other}/privkey.pem`, `${path}/privkey.pem`);
  await t.throwsAsync(openSigner(linuxHost, 'acme', 'default', { folder }), {
    code: 'untrusted',
    message: `cannot use ${path}: privkey.pem is not the key of cert.pem`,
  });
  await writeFile(`${path}/cert.pem`, 'nothing');
  await t.throwsAsync(openSigner(linuxHost, 'acme', 'default', { folder }), {
    code: 'invalid',
    message: `cannot use ${path}/cert.pem: it holds no certificate`,
  });
});

test('KEYSET:PROJECT is split, anything else refused', (t) => {
  t.deepEqual(parseProjectName('snakeoil:default'), { keyset: 'snakeoil', project: 'default' });
  for (const text of ['snakeoil', 'a:b:c'])
    t.throws(() => parseProjectName(text), {
      code: 'usage',
      message: `cannot use "${text}" as a project: the form is KEYSET:PROJECT`,
    });
});
