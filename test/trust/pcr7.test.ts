import { createHash } from 'node:crypto';
import test from 'ava';
import { computePcr7, type SecureBootState } from '../../pkg/trust/index.ts';

const one = { owner: '193903f9-f9a0-4f48-8d33-73ec836f5907', der: Buffer.from('one') };
const two = { owner: 'd2da201b-6fc5-451e-a99d-c67032ecab2d', der: Buffer.from('two') };
const state: SecureBootState = { pk: [one], kek: [one], db: [one, two], used: [one, two] };

test('the value is made event by event, as the profile of the TCG says', (t) => {
  const sha256 = (...parts: readonly Uint8Array[]) =>
    createHash('sha256').update(Buffer.concat(parts)).digest();
  const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
  const globals = hex('61dfe48bca93d211aa0d00e098032b8c');
  const database = hex('cbb219d73a3d9645a3bcdad00e67656f');
  const owners = {
    one: hex('f9033919a0f9484f8d3373ec836f5907'),
    two: hex('1b20dad2c56f1e45a99dc67032ecab2d'),
  };
  const list = (owner: Uint8Array, text: string) =>
    Buffer.concat([
      hex('a159c0a5e494a74a87b5ab155c2bf072 2f000000 00000000 13000000'),
      owner,
      Buffer.from(text),
    ]);
  const event = (owner: Uint8Array, name: string, data: Uint8Array) =>
    Buffer.concat([
      owner,
      hex(`${Buffer.of(name.length).toString('hex')}00000000000000`),
      hex(`${Buffer.of(data.length).toString('hex')}00000000000000`),
      Buffer.from(name, 'utf16le'),
      data,
    ]);
  const events = [
    event(globals, 'SecureBoot', hex('01')),
    event(globals, 'PK', list(owners.one, 'one')),
    event(globals, 'KEK', list(owners.one, 'one')),
    event(database, 'db', Buffer.concat([list(owners.one, 'one'), list(owners.two, 'two')])),
    event(database, 'dbx', hex('')),
    hex('00000000'),
    event(database, 'db', Buffer.concat([owners.one, Buffer.from('one')])),
    event(database, 'db', Buffer.concat([owners.two, Buffer.from('two')])),
  ];
  let value: Buffer = Buffer.alloc(32);
  for (const measured of events) value = sha256(value, sha256(measured));
  t.is(computePcr7(state).toString('hex'), value.toString('hex'));
});

test('a certificate that is needed twice counts once; the order of db counts', (t) => {
  t.true(computePcr7({ ...state, used: [one, two, one] }).equals(computePcr7(state)));
  t.false(computePcr7({ ...state, db: [two, one] }).equals(computePcr7(state)));
  t.false(computePcr7({ ...state, used: [one] }).equals(computePcr7(state)));
});

test('an owner that is no GUID is refused', (t) => {
  t.is(
    t.throws(() => computePcr7({ ...state, pk: [{ ...one, owner: 'me' }] }))?.message,
    'cannot read "me" as a GUID',
  );
});
