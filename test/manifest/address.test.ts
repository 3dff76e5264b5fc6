import test from 'ava';
import { isWithin, parseAddress, renderAddress } from '../../pkg/manifest/address.ts';
import { parseSubordinateIds } from '../../pkg/manifest/index.ts';

const same = test.macro({
  exec: (t, text: string, expected: string) => {
    const address = parseAddress(text);
    t.is(address && renderAddress(address), expected);
  },
  title: (_, text) => `${text} is an address`,
});
test(same, '10.0.3.99/24', '10.0.3.99/24');
test(same, '255.255.255.255', '255.255.255.255/32');
// RFC 5952, sections 4.1 to 4.3
test(same, '2001:0DB8::0001', '2001:db8::1/128');
test(same, '2001:db8:0:0:1:0:0:1/64', '2001:db8::1:0:0:1/64');
test(same, '2001:db8:0:1:1:1:1:1/64', '2001:db8:0:1:1:1:1:1/64');
test(same, '::/0', '::/0');
test(same, '::1', '::1/128');
test(same, 'fe80::', 'fe80::/128');
test(same, '1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0/128');
test(same, '10::10:0:0:10', '10::10:0:0:10/128');

const none = test.macro({
  exec: (t, text: string) => t.is(parseAddress(text), undefined),
  title: (_, text) => `${JSON.stringify(text)} is no address`,
});
for (const text of [
  '',
  '1.2.3',
  '1.2.3.4.5',
  '1.2.3.256',
  '01.2.3.4',
  '1.2.3.4/33',
  '1.2.3.4/',
  '1.2.3.4/024',
  '1.2.3.4/1/2',
])
  test(none, text);
for (const text of [
  ':',
  ':::',
  '1::2::3',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '12345::',
  'g::',
  '::1.2.3.4',
  '::/129',
  ' ::1',
  '1:2:3:4:5:6:7:8::',
])
  test(none, text);

test('an address is within a network of its family only', (t) => {
  const within = (a: string, b: string) => {
    const [address, network] = [parseAddress(a), parseAddress(b)];
    return address && network && isWithin(address, network);
  };
  t.true(within('10.0.3.255', '10.0.3.1/24'));
  t.false(within('10.0.4.0', '10.0.3.1/24'));
  t.false(within('::a00:301', '10.0.3.1/0'));
  t.true(within('fd6d:6f73:3::ffff:1', 'fd6d:6f73:3::1/64'));
});

test('subordinate ids are read line by line', (t) => {
  t.deepEqual(parseSubordinateIds('user:100000:65536\n# note\n\nbroken\nlxc:1:x\n1000:200000:1\n'), [
    { start: 100_000, count: 65_536 },
    { start: 200_000, count: 1 },
  ]);
});
