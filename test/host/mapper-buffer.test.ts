import test from 'ava';
import {
  parseNames,
  parseReply,
  parseTargets,
  renderRequest,
  requestOf,
} from '../../pkg/host/linux/mapper-buffer.ts';

test('a request has the header, the name and its targets at multiples of eight bytes', (t) => {
  const bytes = renderRequest({
    name: 'abc-verity',
    uuid: 'CRYPT-VERITY-1',
    flags: 1,
    table: [
      { start: 0, length: 8, type: 'verity', parameters: '1 7:0' },
      { start: 8, length: 16, type: 'error', parameters: '' },
    ],
  });
  t.is(bytes.length, 4096);
  t.is(bytes.readUInt32LE(0), 4);
  t.is(bytes.readUInt32LE(20), 2);
  t.is(bytes.toString('latin1', 48, 59), 'abc-verity\0');
  t.is(bytes.toString('latin1', 176, 191), 'CRYPT-VERITY-1\0');
  t.is(bytes.readUInt32LE(312 + 20), 48);
  t.is(bytes.toString('latin1', 312 + 40, 312 + 46), '1 7:0\0');
  t.is(Number(bytes.readBigUInt64LE(312 + 48)), 8);
  t.is(bytes.toString('latin1', 312 + 48 + 24, 312 + 48 + 30), 'error\0');
});

test('a name that does not fit is refused', (t) => {
  t.throws(() => renderRequest({ name: 'x'.repeat(128) }), { instanceOf: RangeError });
  t.throws(() => renderRequest({ name: 'a\0b' }), { instanceOf: RangeError });
});

/** As the kernel answers: `next` of a status counts from the start of the data. */
function replyOf(targets: readonly { length: number; type: string; text: string }[]): Buffer {
  const bytes = Buffer.alloc(1024);
  bytes.writeUInt32LE(bytes.length, 12);
  bytes.writeUInt32LE(312, 16);
  bytes.writeUInt32LE(targets.length, 20);
  let at = 312;
  for (const { length, type, text } of targets) {
    bytes.writeBigUInt64LE(BigInt(length), at + 8);
    bytes.write(type, at + 24);
    bytes.write(text, at + 40);
    const next = at + Math.ceil((40 + text.length + 1) / 8) * 8;
    bytes.writeUInt32LE(next - 312, at + 20);
    at = next;
  }
  return bytes;
}

test('a table is read back', (t) => {
  const reply = parseReply(
    replyOf([
      { length: 8, type: 'verity', text: 'V' },
      { length: 16, type: 'linear', text: '7:0 0' },
    ]),
  );
  t.deepEqual(parseTargets(reply), [
    { start: 0, length: 8, type: 'verity', parameters: 'V' },
    { start: 0, length: 16, type: 'linear', parameters: '7:0 0' },
  ]);
});

test('the list of devices is read, the empty one too', (t) => {
  const bytes = replyOf([]);
  t.deepEqual(parseNames(parseReply(bytes)), []);
  bytes.writeUInt32LE(312, 12);
  t.deepEqual(parseNames(parseReply(bytes)), []);
  bytes.writeUInt32LE(bytes.length, 12);
  bytes.writeBigUInt64LE(BigInt(253 << 8), 312);
  bytes.writeUInt32LE(24, 320);
  bytes.write('first', 324);
  bytes.writeBigUInt64LE(BigInt((253 << 8) | 1), 336);
  bytes.write('second', 348);
  t.deepEqual(parseNames(parseReply(bytes)), [
    { name: 'first', number: '253:0' },
    { name: 'second', number: '253:1' },
  ]);
});

test('the request numbers are those of linux/dm-ioctl.h', (t) => {
  t.deepEqual(
    [requestOf('create'), requestOf('load'), requestOf('table')].map((n) => n.toString(16)),
    ['c138fd03', 'c138fd09', 'c138fd0c'],
  );
});
