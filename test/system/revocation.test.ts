import test from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { addProject, revokeProject } from '../../pkg/trust/index.ts';
import { mosctl, plain } from '../helpers/cli.ts';
import { installFrom, makeRoot, updateFrom } from '../helpers/machine.ts';
import { treeOf } from '../helpers/tree.ts';
import { addImage, makeVendor, publishRelease } from '../helpers/vendor.ts';

const manifest = (release: number, source: string) =>
  `update_type: complete\nrelease: ${release}\ntargets:\n  - {service_name: a, source: "${source}", version: "1", service_type: fs-only}\n`;

test('a revocation list comes along with a manifest, is kept, and stops what the revoked key signed', async (t) => {
  const vendor = await makeVendor(t);
  const source = await addImage(vendor, 'a', { a: '1' });
  const first = await publishRelease(vendor, { name: 'machine/a:1', manifest: manifest(1, source) });
  const stolen = await publishRelease(vendor, { name: 'machine/a:9', manifest: manifest(9, source) });
  const root = await makeRoot(t, vendor);
  await installFrom(root, first.reference);

  const keys = { folder: vendor.keys };
  await revokeProject(linuxHost, vendor.keyset, 'default', keys);
  const error = await t.throwsAsync(
    publishRelease(vendor, { name: 'machine/a:3', manifest: manifest(3, source) }),
  );
  t.regex(error.message, /^cannot trust machine\/a:3: its certificate ".*" was revoked$/);
  await addProject(linuxHost, vendor.keyset, 'second', { ...keys, product: vendor.product });
  const second = { name: 'machine/a:2', manifest: manifest(2, source), project: 'second' };
  const published = await publishRelease(vendor, second);
  t.false((await publishRelease(vendor, second)).changed);
  t.is((await updateFrom(root, published.reference)).generation, 2);

  const before = treeOf(root);
  const { exit, stderr } = await mosctl(root, 'update', stolen.reference);
  t.is(exit, 4);
  t.is(
    plain(stderr, { REPO: vendor.repository }),
    `mosctl: cannot trust zot:REPO:machine/a:9: its certificate "manifest PRODUCT:UUID" was revoked
  ask its publisher to sign again with a new certificate
`,
  );
  t.deepEqual(treeOf(root), before);
});
