import test from 'ava';
import { imageOf, makeLayer } from '../helpers/atomfs-image.ts';
import { refused } from '../helpers/attacks.ts';
import { call } from '../helpers/cli.ts';
import { installFrom, makeRoot } from '../helpers/machine.ts';
import { publishSigned, putTarget, signedManifest, signedTarget } from '../helpers/signed.ts';
import { addProduct, makeVendor } from '../helpers/vendor.ts';

// Attacks that a command refuses: no machine is started for them.

test('what the same vendor signed for another product is refused', async (t) => {
  const vendor = await makeVendor(t);
  const image = imageOf([await makeLayer({ a: '1' })]);
  await putTarget(vendor, image);
  const root = await makeRoot(t, vendor);
  const manifest = (release: number) => signedManifest(vendor, [signedTarget('a', image.root)], { release });
  await installFrom(root, await publishSigned(vendor, 'first', manifest(5)));
  const product = await addProduct(vendor, 'other');
  const other = await publishSigned(vendor, 'x', { ...manifest(6), product }, { project: 'other' });
  const { exit, stderr } = await call(['mosctl', '--quiet', 'update', '--root', root, other]);
  t.is(exit, 4);
  const how = 'mosctl update with a manifest of the keyset, of another project';
  refused(
    t,
    "another product's manifest",
    how,
    stderr,
    /cannot trust \S+: it is for product \S+, this machine is \S+/,
  );
});
