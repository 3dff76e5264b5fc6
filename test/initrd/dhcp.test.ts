import test from 'ava';
import { type Asker, type Lease, parseDhcp, renderDhcp } from '../../initrd/dhcp.ts';

const asker: Asker = {
  hardware: Buffer.from('525400123456', 'hex'),
  transaction: Buffer.from('0badcafe', 'hex'),
};
const lease: Lease = {
  address: '10.1.2.3',
  prefix: 20,
  router: '10.1.0.1',
  nameServers: ['10.1.0.2', '10.1.0.3'],
  server: '10.1.0.1',
};

const at = { operation: 0, flags: 10, address: 16, hardware: 28, options: 240 };
const types = { offer: [53, 1, 2], acknowledged: [53, 1, 5], refused: [53, 1, 6] };
const mask = [1, 4, 255, 255, 240, 0];
const router = [3, 4, 10, 1, 0, 1];
const nameServers = [6, 8, 10, 1, 0, 2, 10, 1, 0, 3];
const server = [54, 4, 10, 1, 0, 1];

/** An answer as a server makes it out of the question. */
function answer(options: readonly number[], change: (message: Buffer) => void = () => {}): Buffer {
  const message = Buffer.from(renderDhcp(asker)).fill(0, at.options);
  message[at.operation] = 2;
  message.set([10, 1, 2, 3], at.address);
  message.set([...options, 255], at.options);
  change(message);
  return message;
}

test('the question is 300 bytes, and asks for an answer that everybody hears', (t) => {
  const message = Buffer.from(renderDhcp(asker));
  t.is(message.length, 300);
  t.is(message.subarray(0, 16).toString('hex'), '010106000badcafe0000800000000000');
  t.is(message.subarray(at.hardware, at.hardware + 6).toString('hex'), '525400123456');
  t.is(message.subarray(236, 249).toString('hex'), `63825363${'350101'}${'3703010306'}ff`);
});

test('the second question names the address and the server of the offer', (t) => {
  const text = Buffer.from(renderDhcp(asker, lease)).subarray(at.options).toString('hex');
  t.true(text.startsWith('3501033703010306' + '32040a010203' + '36040a010001' + 'ff'));
});

const all = [...mask, ...router, ...nameServers, ...server];

test('an offer and what acknowledges it have a lease', (t) => {
  t.deepEqual(parseDhcp(answer([...types.offer, ...all]), asker), { kind: 'offer', lease });
  t.deepEqual(parseDhcp(answer([...types.acknowledged, ...all]), asker), { kind: 'acknowledged', lease });
});

test('a refusal has none', (t) => {
  t.deepEqual(parseDhcp(answer(types.refused), asker), { kind: 'refused' });
});

test('a network may have no router and no name server', (t) => {
  const parsed = parseDhcp(answer([...types.offer, 0, 0, ...mask, ...server]), asker);
  t.deepEqual(parsed, { kind: 'offer', lease: { ...lease, router: undefined, nameServers: [] } });
});

const ignored = test.macro({
  exec(t, message: Uint8Array) {
    t.is(parseDhcp(message, asker), undefined);
  },
  title: (what) => `no answer to us: ${what}`,
});
const good = [...types.offer, ...all];
test('a question', ignored, renderDhcp(asker));
test(
  'an answer to another one',
  ignored,
  answer(good, (message) => message.writeUInt8(1, 4)),
);
test(
  'an answer to another machine',
  ignored,
  answer(good, (message) => message.writeUInt8(1, at.hardware)),
);
test(
  'one without the cookie',
  ignored,
  answer(good, (message) => message.writeUInt8(1, 236)),
);
test('one that ends before the options', ignored, answer(good).subarray(0, at.options - 1));
test('nothing', ignored, new Uint8Array());
test('one without a type', ignored, answer(all));
test('one that is cut in an option', ignored, answer(good).subarray(0, at.options + good.length - 1));
test('a mask with a hole', ignored, answer([...types.offer, 1, 4, 255, 0, 255, 0, ...server]));
test('a mask of three bytes', ignored, answer([...types.offer, 1, 3, 255, 255, 0, ...server]));
test('one that names no server', ignored, answer([...types.offer, ...mask]));
test(
  'an address of nobody',
  ignored,
  answer(good, (message) => message.fill(0, at.address, at.address + 4)),
);
test(
  'an address of many',
  ignored,
  answer(good, (message) => message.writeUInt8(224, at.address)),
);
