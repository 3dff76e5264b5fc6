import { mkdir, rm, writeFile } from 'node:fs/promises';
import test from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { readMachineIdentity } from '../../pkg/trust/index.ts';
import {
  codeSigning,
  type Flaws,
  flags,
  makeCa,
  makeLeaf,
  product,
  serverAuth,
} from '../helpers/authority.ts';
import { scratchFolder } from '../helpers/folders.ts';

const time = { now: new Date('2026-11-21T12:00:00Z'), builtAt: new Date('2026-01-01T00:00:00Z') };
const sudi: Flaws = {
  name: 'SN 0001',
  serialNumber: `PID:${product} SN:SN 0001`,
  keyUsage: flags.digitalSignature,
  purposes: [serverAuth],
  until: '2099-12-31T23:00:00Z',
};

test('the product and serial of a machine are those of its identity certificate', async (t) => {
  const root = await scratchFolder(t, 'root');
  await mkdir(`${root}/factory/secure`, { recursive: true });
  t.is(await readMachineIdentity(linuxHost, { root, time }), undefined);

  const ca = await makeCa({ name: 'SUDI rootCA', until: '2099-12-31T23:00:00Z' });
  await writeFile(`${root}/factory/secure/server.crt`, (await makeLeaf(ca, sudi)).pem);
  await t.throwsAsync(readMachineIdentity(linuxHost, { root, time }), {
    code: 'untrusted',
    message: `cannot trust ${root}/factory/secure/server.crt: cannot find the SUDI CA: there is no ${root}/factory/secure/sudiCA.pem`,
  });

  await writeFile(`${root}/factory/secure/sudiCA.pem`, ca.pem);
  t.deepEqual(await readMachineIdentity(linuxHost, { root, time }), { product, serial: 'SN 0001' });
  t.deepEqual(await readMachineIdentity(linuxHost, { root, time: 'at boot' }), {
    product,
    serial: 'SN 0001',
  });
  await t.throwsAsync(readMachineIdentity(linuxHost, { root, time: { ...time, now: new Date(0) } }), {
    code: 'state',
    message:
      'cannot judge dates: the clock says 1970-01-01T00:00:00.000Z, but this program was built at 2026-01-01T00:00:00.000Z',
  });
  await rm(`${root}/factory/secure/sudiCA.pem`);
  await writeFile(`${root}/sudiCA.pem`, ca.pem);
  t.deepEqual(await readMachineIdentity(linuxHost, { root, time }), { product, serial: 'SN 0001' });
});

const refuses = test.macro({
  title: (title) => `an identity refused: ${title}`,
  async exec(t, flaws: Flaws, why: string, caFlaws: Flaws = {}) {
    const root = await scratchFolder(t, 'root');
    await mkdir(`${root}/factory/secure`, { recursive: true });
    const ca = await makeCa({ name: 'SUDI rootCA', ...caFlaws });
    await writeFile(`${root}/factory/secure/sudiCA.pem`, ca.pem);
    await writeFile(`${root}/factory/secure/server.crt`, (await makeLeaf(ca, { ...sudi, ...flaws })).pem);
    await t.throwsAsync(readMachineIdentity(linuxHost, { root, time }), {
      code: 'untrusted',
      message: `cannot trust ${root}/factory/secure/server.crt: ${why}`,
    });
  },
});
test('no PID', refuses, { serialNumber: 'SN:1' }, 'its certificate "SN 0001" names no product and serial');
test(
  'no SN',
  refuses,
  { serialNumber: `PID:${product}` },
  'its certificate "SN 0001" names no product and serial',
);
test(
  'a path as its product',
  refuses,
  { serialNumber: 'PID:../x SN:1' },
  'its certificate "SN 0001" names no product and serial',
);
test(
  'a certificate of a project',
  refuses,
  { purposes: [codeSigning] },
  'its certificate "SN 0001" is not for this purpose: ExtendedKeyUsage lacks server authentication',
);
test('an expired CA', refuses, {}, 'the certificate "SUDI rootCA" has expired at 2026-03-01T00:00:00.000Z', {
  until: '2026-03-01T00:00:00Z',
});
