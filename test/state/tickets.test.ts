import { readFile, unlink, writeFile } from 'node:fs/promises';
import test from 'ava';
import {
  addNote,
  type KeptTicket,
  parseTicketNote,
  readFloor,
  readTickets,
  recordFloor,
  renderTicketNote,
  writeTickets,
} from '../../pkg/state/index.ts';
import { raiseFloor } from '../helpers/raise-floor.ts';
import { advance, locked, temporaryState, withClock } from './samples.ts';

const nonce = 'a'.repeat(32);
const ticket: KeptTicket = {
  nonce,
  counted: 3,
  good: 7,
  bytes: Buffer.from('{"version":1}\n'),
  certificate: Buffer.from('-----BEGIN'),
  signature: Buffer.of(0, 255),
};

test('tickets are kept as they were signed', async (t) => {
  const state = await temporaryState(t);
  const { host } = withClock('2026-11-21T12:00:00Z');
  await using lock = await locked(host, state);
  t.deepEqual(await readTickets(host, state), []);
  await writeTickets(host, lock, [ticket, { ...ticket, counted: null }]);
  t.deepEqual(await readTickets(host, state), [ticket, { ...ticket, counted: null }]);
  t.is(
    await readFile(`${state.records}/tickets.json`, 'utf8'),
    `${JSON.stringify(
      {
        format: 1,
        tickets: [3, null].map((counted) => ({
          ...{ nonce, counted, good: 7, ticket: 'eyJ2ZXJzaW9uIjoxfQo=' },
          ...{ certificate: 'LS0tLS1CRUdJTg==', signature: 'AP8=' },
        })),
      },
      null,
      2,
    )}\n`,
  );
});

const damaged = test.macro({
  title: (_, what: string) => `tickets.json is damaged where ${what}`,
  exec: async (t, _: string, change: (text: string) => string) => {
    const state = await temporaryState(t);
    const { host } = withClock('2026-11-21T12:00:00Z');
    await using lock = await locked(host, state);
    await writeTickets(host, lock, [ticket]);
    const path = `${state.records}/tickets.json`;
    const text = await readFile(path, 'utf8');
    t.not(change(text), text);
    await writeFile(path, change(text));
    await t.throwsAsync(readTickets(host, state), {
      code: 'corrupt',
      message: `cannot read the tickets of this machine: ${path} is damaged`,
    });
  },
});
test(damaged, 'it ends early', (text) => text.slice(0, -10));
test(damaged, 'a nonce is none', (text) => text.replace('"aaaa', '"zzzz'));
test(damaged, 'a number is missing', (text) => text.replace('"good": 7,', ''));
test(damaged, 'a count is negative', (text) => text.replace('"counted": 3', '"counted": -3'));
test(damaged, 'a ticket is no base64', (text) => text.replace('"ticket": "e', '"ticket": "*'));
test(damaged, 'a signature is a number', (text) => text.replace('"AP8="', '1'));
test(damaged, 'there is something else', (text) => text.replace('"good": 7', '"good": 7, "more": 1'));

test('the history remembers a ticket in words that are read again', (t) => {
  const note = { from: 3, to: 2, nonce };
  t.is(renderTicketNote(note), `the floor went from 3 to 2 by ticket ${nonce}`);
  t.deepEqual(parseTicketNote(renderTicketNote(note)), note);
  t.is(parseTicketNote(`the floor went from 3 to 2 by ticket ${nonce}0`), undefined);
});

test('the floor remembers the ticket that lowered it, and where the file is lost the history does', async (t) => {
  const state = await temporaryState(t);
  const { host, set } = withClock('2026-11-21T12:00:00Z');
  const given = { trailers: [['Security-Version', '3']] };
  const one = await advance(host, state, 'one', 'good', given);
  const path = `${state.records}/floor.json`;
  await using lock = await locked(host, state);
  await addNote(host, lock, one.commit, { kind: 'good', reason: 'every target came up' });
  set('2026-11-21T12:01:00Z');
  await recordFloor(host, lock, { value: 2, ticket: nonce });
  t.is(
    await readFile(path, 'utf8'),
    `{\n  "format": 1,\n  "security_version": 2,\n  "ticket": "${nonce}"\n}\n`,
  );
  await addNote(host, lock, one.commit, {
    kind: 'ticket',
    reason: renderTicketNote({ from: 3, to: 2, nonce }),
  });
  set('2026-11-21T12:02:00Z');
  await addNote(host, lock, one.commit, { kind: 'good', reason: 'every target came up' });
  const lowered = { value: 2, ticket: nonce };
  t.deepEqual(await readFloor(host, state), lowered);
  await unlink(path);
  t.deepEqual(await readFloor(host, state), lowered);
  await writeFile(path, `{"format":1,"security_version":0,"ticket":"x"}`);
  t.deepEqual(await readFloor(host, state), { ...lowered, problem: `${path} is damaged` });
  await raiseFloor(host, lock, 3);
  t.deepEqual(await readFloor(host, state), { value: 3, ticket: nonce });
});
