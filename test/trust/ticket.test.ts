import { readFile, stat } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import {
  addTicket,
  parseAnchors,
  readTicketFiles,
  type TicketPolicy,
  verifyInstallManifest,
  verifyTicket,
} from '../../pkg/trust/index.ts';
import { parseTicket, renderTicket, type Ticket } from '../../pkg/trust/ticket.ts';
import { makeCa, makeLeaf, otherProduct, product, signWith } from '../helpers/authority.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { hostAt } from '../helpers/keyset.ts';
import { makeReferenceKeyset, referenceProduct } from '../helpers/reference-keyset.ts';

const builtAt = new Date('2026-01-01T00:00:00Z');
const now = new Date('2026-11-21T12:00:00Z');
const plain: Ticket = {
  version: 1,
  product,
  serial: 'SN0001',
  from: 3,
  to: 2,
  nonce: '0123456789abcdef0123456789abcdef',
  not_after: '2026-11-28T12:00:00Z',
};

/** A signed ticket with changed fields, and the policy of the machine it is for. */
async function prepare(change: Partial<Ticket> & Record<string, unknown>, policy: Partial<TicketPolicy>) {
  const ca = await makeCa();
  const leaf = await makeLeaf(ca);
  const bytes = Buffer.from(JSON.stringify({ ...plain, ...change }));
  return {
    evidence: {
      name: 'ticket.json',
      bytes,
      certificates: [leaf.pem],
      signatures: [await signWith(leaf, bytes)],
    },
    policy: {
      anchors: parseAnchors(ca.pem, 'manifestCA.pem'),
      product,
      serial: 'SN0001',
      floor: 3,
      used: [],
      time: { now, builtAt },
      ...policy,
    } satisfies TicketPolicy,
  };
}

test('a ticket that the command makes is accepted by its machine', async (t) => {
  const folder = await scratchFolder(t, 'keys');
  const keyset = makeReferenceKeyset(folder);
  const output = `${folder}/ticket.json`;
  const request = { serial: 'SN0001', from: 3, to: 2, days: 7, output };
  const made = await addTicket(hostAt('2038-11-21T12:00:00.5Z'), 'snakeoil', 'default', request, { folder });
  t.is(made.file, output);
  t.regex(made.ticket.nonce, /^[0-9a-f]{32}$/);
  const not_after = '2038-11-28T12:00:00Z';
  const expected = { ...plain, product: referenceProduct, nonce: made.ticket.nonce, not_after };
  t.deepEqual(made.ticket, expected);
  t.is(await readFile(output, 'utf8'), renderTicket(expected));
  const verified = verifyTicket(await readTicketFiles(linuxHost, output), {
    anchors: parseAnchors(await readFile(`${keyset}/manifest-ca/cert.pem`), 'manifestCA.pem'),
    product: referenceProduct,
    serial: 'SN0001',
    floor: 3,
    used: [],
    time: { now: new Date('2038-11-21T12:00:01Z'), builtAt },
  });
  t.deepEqual({ ...verified.ticket }, expected);
  await t.throwsAsync(addTicket(linuxHost, 'snakeoil', 'default', request, { folder }), {
    code: 'exists',
    message: `cannot create ${output}.signed: it exists already`,
  });
});

const refuses = test.macro({
  title: (title) => `a ticket refused: ${title}`,
  async exec(
    t: ExecutionContext,
    message: string,
    change: Partial<Ticket> & Record<string, unknown>,
    policy: Partial<TicketPolicy> = {},
  ) {
    const given = await prepare(change, policy);
    t.throws(() => verifyTicket(given.evidence, given.policy), { message });
  },
});
const cannot = 'cannot trust ticket.json:';
test(
  'for another product of the certificate',
  refuses,
  `${cannot} its certificate is for product ${product}, it names ${otherProduct}`,
  { product: otherProduct },
);
test(
  'on a machine of another product',
  refuses,
  `${cannot} it is for product ${product}, this machine is ${otherProduct}`,
  {},
  { product: otherProduct },
);
test(
  'on another machine',
  refuses,
  `${cannot} it is for the machine SN0001, this is SN0002`,
  {},
  { serial: 'SN0002' },
);
test(
  'on a machine that is at another floor',
  refuses,
  `${cannot} it is for a machine with the floor 3, this one has 4`,
  {},
  { floor: 4 },
);
test('twice', refuses, `${cannot} it was used before`, {}, { used: [plain.nonce] });
test('too late', refuses, `${cannot} its publisher allows nobody to accept it after 2026-11-20T00:00:00Z`, {
  not_after: '2026-11-20T00:00:00Z',
});
test(
  'with a clock before the build',
  refuses,
  'cannot judge dates: the clock says 2025-12-31T00:00:00.000Z, but this program was built at 2026-01-01T00:00:00.000Z',
  {},
  { time: { now: new Date('2025-12-31T00:00:00Z'), builtAt } },
);
test(
  'with a clock before the newest generation',
  refuses,
  'cannot judge dates: the clock says 2026-11-21T12:00:00.000Z, but the newest generation is of 2026-11-22T00:00:00.000Z',
  {},
  { newestCommit: new Date('2026-11-22T00:00:00Z') },
);
const unusable = 'cannot use ticket.json as a ticket:';
test('that raises the floor', refuses, `${unusable} it does not lower the floor`, { to: 4 });
test('that changes nothing', refuses, `${unusable} it does not lower the floor`, { to: 3 });
test('of a newer version', refuses, `${unusable} version is missing or malformed`, { version: 2 as 1 });
test('without a nonce', refuses, `${unusable} nonce is missing or malformed`, {
  nonce: undefined as unknown as string,
});
test('with a fraction as floor', refuses, `${unusable} to is missing or malformed`, { to: 1.5 });
test('with a newline in the serial', refuses, `${unusable} serial is missing or malformed`, {
  serial: 'a\nb',
});
test('with a date that does not exist', refuses, `${unusable} not_after is missing or malformed`, {
  not_after: '2026-13-01T00:00:00Z',
});
test('with a field nobody knows', refuses, `${unusable} it has the unknown field "targets"`, { targets: [] });

test('a stored ticket is checked again at boot without its dates', async (t) => {
  const given = await prepare(
    { not_after: '2026-01-02T00:00:00Z' },
    { time: 'at boot', used: [plain.nonce], floor: 2 },
  );
  t.is(verifyTicket(given.evidence, given.policy).ticket.to, 2);
});

test('a changed ticket fits no signature, and one that is no object is none', async (t) => {
  const { evidence, policy } = await prepare({}, {});
  const bytes = Buffer.from(evidence.bytes.toString().replace('"to":2', '"to":0'));
  t.throws(() => verifyTicket({ ...evidence, bytes }, policy), {
    message: `${cannot} no signature fits its bytes`,
  });
  t.throws(() => parseTicket(Buffer.from('null'), 'ticket.json'), { message: `${unusable} it is no object` });
  t.throws(() => parseTicket(Buffer.from('[]'), 'ticket.json'), { message: `${unusable} it is no object` });
  t.throws(() => parseTicket(Buffer.from('{'), 'ticket.json'), { message: `${unusable} it is not JSON` });
});

test('a ticket is no manifest, though the same key signs both', async (t) => {
  const { evidence, policy } = await prepare({}, {});
  await t.throwsAsync(verifyInstallManifest(evidence, policy), { code: 'invalid' });
});

test('a ticket that no machine would accept is not made', async (t) => {
  const folder = await scratchFolder(t, 'keys');
  makeReferenceKeyset(folder);
  const output = `${folder}/ticket.json`;
  const request = { serial: 'SN0001', from: 2, to: 2, days: 7, output };
  await t.throwsAsync(addTicket(linuxHost, 'snakeoil', 'default', request, { folder }), {
    code: 'invalid',
    message: 'cannot use this as a ticket: it does not lower the floor',
  });
  await t.throwsAsync(stat(`${output}.signed`), { code: 'ENOENT' });
});
