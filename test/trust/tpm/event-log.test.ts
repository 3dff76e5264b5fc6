import { createHash } from 'node:crypto';
import test from 'ava';
import { parseEventLog, replayPcr } from '../../../pkg/trust/index.ts';

const u16 = (value: number) => Buffer.of(value & 0xff, value >> 8);
const u32 = (value: number) => Buffer.concat([u16(value & 0xffff), u16(value >>> 16)]);
const sha256 = (...parts: readonly Uint8Array[]) =>
  createHash('sha256').update(Buffer.concat(parts)).digest();

/** The profile's first event, of the banks SHA-1 and SHA-256, then one for each measurement. */
function makeLog(events: readonly { pcr: number; type: number; what: string }[]): Buffer {
  const banks = [u32(2), u16(4), u16(20), u16(0x000b), u16(32)];
  const id = Buffer.concat([
    Buffer.from('Spec ID Event03\0'),
    u32(0),
    Buffer.of(0, 2, 0, 2),
    ...banks,
    Buffer.of(0),
  ]);
  const first = Buffer.concat([u32(0), u32(3), Buffer.alloc(20), u32(id.length), id]);
  const rest = events.map(({ pcr, type, what }) =>
    Buffer.concat([
      ...[u32(pcr), u32(type), u32(2), u16(4), Buffer.alloc(20, 1)],
      ...[u16(0x000b), sha256(Buffer.from(what)), u32(what.length), Buffer.from(what)],
    ]),
  );
  return Buffer.concat([first, ...rest]);
}

const log = makeLog([
  { pcr: 7, type: 0x80000001, what: 'SecureBoot' },
  { pcr: 4, type: 0x80000003, what: 'loader' },
  { pcr: 7, type: 3, what: 'says something and extends nothing' },
  { pcr: 7, type: 0x800000e0, what: 'db' },
]);

test('a PCR is the sum of its events, without those that extend nothing', (t) => {
  const one = sha256(Buffer.alloc(32), sha256(Buffer.from('SecureBoot')));
  t.deepEqual(replayPcr(parseEventLog(log), 7), sha256(one, sha256(Buffer.from('db'))));
  t.deepEqual(replayPcr(parseEventLog(log), 5), Buffer.alloc(32));
});

test('a log that ends in the middle of an event, of another kind or with a bank it has not is refused', (t) => {
  t.throws(() => parseEventLog(log.subarray(0, -60)), {
    code: 'corrupt',
    message: 'cannot read the event log of the firmware: it ends in the middle of an event',
  });
  t.throws(() => parseEventLog(Buffer.alloc(200)), { code: 'unsupported' });
  const strange = Buffer.from(log);
  strange.writeUInt16LE(0x1234, strange.indexOf(sha256(Buffer.from('loader'))) - 2);
  t.throws(() => parseEventLog(strange), { code: 'corrupt', message: /names a bank that it has not/ });
});
