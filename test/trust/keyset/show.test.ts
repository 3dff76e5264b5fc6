import { readFile } from 'node:fs/promises';
import test from 'ava';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { showKeyset } from '../../../pkg/trust/index.ts';
import { keysetFolders } from '../../../pkg/trust/keyset/plan.ts';
import { scratchFolder } from '../../helpers/folders.ts';
import { makeReferenceKeyset, referenceProduct } from '../../helpers/reference-keyset.ts';

test('a keyset shows its keys; a private key only when its file is named', async (t) => {
  const folder = await scratchFolder(t, 'keys');
  const path = makeReferenceKeyset(folder);
  const show = (key?: string, item?: string) => showKeyset(linuxHost, 'snakeoil', key, item, { folder });
  t.deepEqual(await show(), {
    keyset: 'snakeoil',
    path,
    folders: keysetFolders.map((name) => `${path}/${name}`),
    files: [],
  });
  const certificate = await readFile(`${path}/manifest-ca/cert.pem`, 'utf8');
  t.deepEqual((await show('manifest-ca')).files, [
    { path: `${path}/manifest-ca/cert.pem`, text: certificate },
    { path: `${path}/manifest-ca/privkey.pem` },
  ]);
  t.deepEqual((await show('manifest:default', 'uuid')).files, [
    { path: `${path}/manifest/default/uuid`, text: referenceProduct },
  ]);
  const key = await readFile(`${path}/manifest-ca/privkey.pem`, 'utf8');
  t.deepEqual((await show('manifest-ca', 'privkey.pem')).files, [
    { path: `${path}/manifest-ca/privkey.pem`, text: key },
  ]);
});

test('what is no key of a keyset is refused', async (t) => {
  const folder = await scratchFolder(t, 'keys');
  const path = makeReferenceKeyset(folder);
  const refuses = async (key: string, item: string | undefined, code: string, message: string) => {
    await t.throwsAsync(showKeyset(linuxHost, 'snakeoil', key, item, { folder }), { code, message });
  };
  await refuses('nothing', undefined, 'usage', 'cannot show "nothing": it is no key of a keyset');
  await refuses('manifest', undefined, 'usage', 'cannot show manifest: it holds a folder per project');
  await refuses(
    'manifest:../x',
    undefined,
    'usage',
    'cannot use "../x" as the name of a project: it contains "/" or ".."',
  );
  await refuses('manifest-ca', '../uuid', 'usage', 'cannot show "../uuid": it is no name of a file');
  await refuses(
    'uefi-db',
    undefined,
    'not-found',
    `cannot show uefi-db of the keyset snakeoil: there is no ${path}/uefi-db`,
  );
  await refuses(
    'manifest-ca',
    'x.pem',
    'not-found',
    `cannot read ${path}/manifest-ca/x.pem: it does not exist`,
  );
});
