import { join } from 'node:path';
import test from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { addTicket, parseAnchors, readTicketFiles, verifyTicket } from '../../pkg/trust/index.ts';
import { imageOf, makeLayer } from '../helpers/atomfs-image.ts';
import { refused } from '../helpers/attacks.ts';
import { call } from '../helpers/cli.ts';
import { installFrom, makeRoot } from '../helpers/machine.ts';
import { publishSigned, putTarget, signedManifest, signedTarget } from '../helpers/signed.ts';
import { addProduct, builtAt, makeVendor } from '../helpers/vendor.ts';

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

test('a ticket is refused when its time is over', async (t) => {
  const vendor = await makeVendor(t);
  const output = join(vendor.folder, 'ticket.json');
  const request = { serial: 'SN0001', from: 3, to: 2, days: 7, output };
  await addTicket(linuxHost, vendor.keyset, 'default', request, { folder: vendor.keys });
  const evidence = await readTicketFiles(linuxHost, output);
  const anchors = parseAnchors(await linuxHost.files.read(vendor.ca), vendor.ca);
  const accept = (now: Date) =>
    verifyTicket(evidence, {
      ...{ anchors, product: vendor.product, serial: 'SN0001', floor: 3, used: [] },
      time: { now, builtAt },
    });
  t.is(accept(new Date()).ticket.to, 2);
  const late = t.throws(() => accept(new Date(Date.now() + 8 * 24 * 60 * 60 * 1000)));
  refused(
    t,
    'a ticket that expired',
    'trust ticket add, accepted eight days later',
    String(late?.message),
    /cannot trust \S+: .*/,
  );
});
