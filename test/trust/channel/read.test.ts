import { readFile } from 'node:fs/promises';
import test from 'ava';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import {
  addProject,
  type ChannelPolicy,
  readChannel,
  revokeProject,
  rotateTufKeys,
} from '../../../pkg/trust/index.ts';
import {
  addChannelKeys,
  announced,
  channel,
  channelName,
  forge,
  keysOfVendor,
  type MemoryChannel,
  memoryChannel,
  newMachine,
  offer,
  policyOf,
} from '../../helpers/channel.ts';
import { hostAt } from '../../helpers/keyset.ts';
import { addProduct, makeVendor, type Vendor } from '../../helpers/vendor.ts';

const first = '2027-01-01T00:00:00Z';
const later = '2027-01-02T00:00:00Z';

/** A vendor whose channel offered release 1, then 1 and 2; another product of the same keyset has its own. */
type Prepared = { vendor: Vendor; old: MemoryChannel; present: MemoryChannel; other: MemoryChannel };
let prepared: Prepared;
const leftovers: (() => Promise<void>)[] = [];
test.after.always(async () => {
  for (const clean of leftovers) await clean();
});
test.before(async () => {
  const vendor = await makeVendor({ teardown: (clean) => leftovers.push(clean) });
  await addChannelKeys(vendor);
  const old = memoryChannel();
  await offer(vendor, old, { releases: [1], at: first });
  const present = memoryChannel(old);
  await offer(vendor, present, { releases: [1, 2], at: later });
  await addProduct(vendor, 'other');
  const other = memoryChannel();
  await offer(vendor, other, { releases: [7], at: later, project: 'other' });
  prepared = { vendor, old, present, other };
});

test('a machine reads what its vendor offers, and asks for nothing twice', async (t) => {
  const { vendor, old, present } = prepared;
  const machine = newMachine();
  const read = await readChannel(old, undefined, await policyOf(vendor, machine, first));
  t.deepEqual(
    read.index.releases.map(({ version }) => version),
    ['1.1.0'],
  );
  t.deepEqual(read.versions, { root: 1, targets: 1, snapshot: 1, timestamp: 1 });
  t.deepEqual(read.expires, {
    root: '2028-01-01T00:00:00Z',
    targets: '2027-04-01T00:00:00Z',
    snapshot: '2027-01-31T00:00:00Z',
    timestamp: '2027-01-08T00:00:00Z',
  });
  t.is(machine.kept.length, 5);
  t.deepEqual(machine.trust, read.trust);

  const next = await readChannel(present, machine.trust, await policyOf(vendor, machine, later));
  t.deepEqual(
    next.index.releases.map(({ version }) => version),
    ['1.1.0', '1.2.0'],
  );
  const asked = memoryChannel(present);
  const again = await readChannel(asked, machine.trust, await policyOf(vendor, machine, later));
  t.deepEqual(again, next);
  t.deepEqual(asked.asked, ['2.root.json', 'timestamp.json']);
});

test('without a network the index that was kept is read, until it expires', async (t) => {
  const { vendor, present } = prepared;
  const machine = newMachine();
  const read = await readChannel(present, undefined, await policyOf(vendor, machine, later));
  t.deepEqual(await readChannel(undefined, machine.trust, await policyOf(vendor, machine, later)), read);
  const policy = await policyOf(vendor, machine, '2030-01-01T00:00:00Z');
  t.is(
    (await t.throwsAsync(readChannel(undefined, machine.trust, policy)))?.message,
    `cannot trust ${channelName}: its 1.root.json has expired at 2028-01-01T00:00:00Z`,
  );
  t.deepEqual(await readChannel(undefined, machine.trust, { ...policy, acceptExpired: true }), read);
});

type Attack = {
  readonly why: string;
  /** Of a machine that read the present channel; null: of a new one. */
  readonly seen?: boolean;
  readonly at?: string;
  readonly policy?: Partial<ChannelPolicy>;
  apply?(to: MemoryChannel, given: Prepared): Promise<void> | void;
};
/** Products and hashes differ from run to run. */
const plain = (message: string | undefined, { product }: Vendor) =>
  message
    ?.replaceAll(product, 'PRODUCT')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'OTHER')
    .replaceAll(/[0-9a-f]{64}/g, 'SHA');
const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();
const set = (to: MemoryChannel, file: string, bytes: Uint8Array | string) =>
  to.files.set(file, Buffer.from(bytes));

const refuses = test.macro({
  async exec(t, attack: Attack) {
    const { vendor, present } = prepared;
    const machine = newMachine();
    if (attack.seen) await readChannel(present, undefined, await policyOf(vendor, machine, later));
    const before = machine.trust;
    const attacked = memoryChannel(present);
    await attack.apply?.(attacked, prepared);
    const policy = await policyOf(vendor, machine, attack.at ?? later, attack.policy);
    const error = await t.throwsAsync(readChannel(attacked, machine.trust, policy));
    t.is(plain(error?.message, vendor), `cannot trust ${channelName}${attack.why}`);
    if (attack.seen) t.deepEqual(machine.trust, before);
  },
  title: (title) => `refused: ${title}`,
});

test('an index that has expired', refuses, {
  at: '2027-01-09T00:00:00Z',
  why: ': its timestamp.json has expired at 2027-01-09T00:00:00Z',
});
test('an index older than seen', refuses, {
  seen: true,
  apply: (to, { old }) => void set(to, 'timestamp.json', old.files.get('timestamp.json') ?? ''),
  why: ': its timestamp.json has version 1, 2 was seen before',
});
test('a new timestamp that announces an older snapshot', refuses, {
  seen: true,
  async apply(to, { vendor, old }) {
    const { keys } = await keysOfVendor(vendor);
    const meta = { 'snapshot.json': announced(1, old.files.get('1.snapshot.json') ?? Buffer.of()) };
    set(to, 'timestamp.json', forge(to.files.get('timestamp.json'), keys.timestamp, { version: 9, meta }));
  },
  why: ': its snapshot has version 1, 2 was seen before',
});
test('an index signed by no key', refuses, {
  apply: (to) =>
    void set(
      to,
      'timestamp.json',
      text(to.files.get('timestamp.json')).replace(/"sig": "[^"]*"/, '"sig": "00"'),
    ),
  why: ': its timestamp.json is signed by 0 of the 1 keys that it needs',
});
test('a timestamp signed by the key of another role', refuses, {
  async apply(to, { vendor }) {
    const { keys } = await keysOfVendor(vendor);
    set(to, 'timestamp.json', forge(to.files.get('timestamp.json'), keys.snapshot, {}));
  },
  why: ': its timestamp.json is signed by 0 of the 1 keys that it needs',
});
test('a root signed by too few keys', refuses, {
  async apply(to, { vendor }) {
    const { keys } = await keysOfVendor(vendor);
    set(to, '2.root.json', forge(to.files.get('1.root.json'), keys.root.slice(0, 1), { version: 2 }));
  },
  why: ': its 2.root.json is signed by 1 of the 2 keys that it needs',
});
test('a root that signs itself twice with one key', refuses, {
  async apply(to, { vendor }) {
    const { keys } = await keysOfVendor(vendor);
    const [key] = keys.root;
    set(to, '2.root.json', forge(to.files.get('1.root.json'), key ? [key, key] : [], { version: 2 }));
  },
  why: ': its 2.root.json is malformed (it has not the form of TUF metadata)',
});
test('a root that skips a version', refuses, {
  async apply(to, { vendor }) {
    const { keys } = await keysOfVendor(vendor);
    set(to, '2.root.json', forge(to.files.get('1.root.json'), keys.root, { version: 3 }));
  },
  why: ': its 2.root.json is not the one that was signed: it is version 3',
});
test('a root that nobody vouches for', refuses, {
  async apply(to, { vendor }) {
    const { keys } = await keysOfVendor(vendor);
    set(to, '2.root.json', forge(to.files.get('1.root.json'), keys.root, { version: 2 }));
  },
  why: ':2.root.json: no certificate came with it',
});
test('a swapped index', refuses, {
  apply(to) {
    for (const [file, bytes] of to.files)
      if (/^[0-9a-f]{64}\./.test(file)) set(to, file, text(bytes).replaceAll('1.1.0', '9.9.9'));
  },
  why: ': its index.json is not the one that was signed: it hashes to sha256:SHA',
});
test('swapped targets', refuses, {
  apply: (to, { old }) => void set(to, '2.targets.json', old.files.get('1.targets.json') ?? ''),
  why: ': its 2.targets.json is not the one that was signed: it hashes to sha256:SHA',
});
test('a file that is no metadata', refuses, {
  apply: (to) => void set(to, 'timestamp.json', '<html>'),
  why: ': its timestamp.json is malformed (it is no JSON object with a signed part)',
});
test("another product's index, signed by the same keyset", refuses, {
  apply(to, { other }) {
    for (const [file, bytes] of other.files) if (!file.endsWith('root.json')) set(to, file, bytes);
  },
  why: ': its timestamp.json is for product OTHER, not PRODUCT',
});
test("another product's channel, whole", refuses, {
  apply(to, { other }) {
    for (const [file, bytes] of other.files) to.files.set(file, bytes);
    for (const [file, proof] of other.endorsed) to.endorsed.set(file, proof);
  },
  why: ':1.root.json: it is for product OTHER, this machine is PRODUCT',
});
test('another channel of the same product', refuses, {
  policy: { channel: 'machine/beta' },
  why: `: its timestamp.json is for the channel ${channel}, not machine/beta`,
});
test('an index inside that names another product', refuses, {
  async apply(to, { vendor }) {
    const { keys } = await keysOfVendor(vendor);
    const index = Buffer.from('{"version":1,"product":"somebody","channel":"machine/stable","releases":[]}');
    const { version: _, ...target } = announced(1, index);
    set(to, `${target.hashes.sha256}.index.json`, index);
    const targets = forge(to.files.get('2.targets.json'), keys.targets, {
      version: 3,
      targets: { 'index.json': target },
    });
    set(to, '3.targets.json', targets);
    const ofTargets = { 'targets.json': announced(3, targets) };
    const snapshot = forge(to.files.get('2.snapshot.json'), keys.snapshot, { version: 3, meta: ofTargets });
    set(to, '3.snapshot.json', snapshot);
    const ofSnapshot = { 'snapshot.json': announced(3, snapshot) };
    set(
      to,
      'timestamp.json',
      forge(to.files.get('timestamp.json'), keys.timestamp, { version: 3, meta: ofSnapshot }),
    );
  },
  why: ': its index.json is for product somebody, not PRODUCT',
});

test('a rotated root is followed; keys that it no longer names open nothing, and hold nothing back', async (t) => {
  const vendor = await makeVendor(t);
  await addChannelKeys(vendor);
  const { keys: lost } = await keysOfVendor(vendor);
  const source = memoryChannel();
  await offer(vendor, source, { releases: [1], at: first });
  const machine = newMachine();
  await readChannel(source, undefined, await policyOf(vendor, machine, first));

  // Who stole the key of the timestamp drives its version up, so that no honest one is newer.
  const driven = memoryChannel(source);
  set(
    driven,
    'timestamp.json',
    forge(source.files.get('timestamp.json'), lost.timestamp, { version: 1_000_000 }),
  );
  const policy = await policyOf(vendor, machine, first);
  t.is((await readChannel(driven, machine.trust, policy)).versions.timestamp, 1_000_000);

  for (const role of ['timestamp', 'root'] as const)
    await rotateTufKeys(hostAt(first), vendor.keyset, { role }, { folder: vendor.keys });
  await offer(vendor, source, { releases: [1, 2], at: later });
  const read = await readChannel(source, machine.trust, await policyOf(vendor, machine, later));
  t.deepEqual(read.versions, { root: 3, targets: 2, snapshot: 2, timestamp: 2 });
  t.deepEqual(
    read.trust,
    (await readChannel(source, undefined, await policyOf(vendor, newMachine(), later))).trust,
  );

  set(driven, '2.root.json', source.files.get('2.root.json') ?? '');
  set(driven, '3.root.json', source.files.get('3.root.json') ?? '');
  const error = await t.throwsAsync(
    readChannel(driven, machine.trust, await policyOf(vendor, machine, later)),
  );
  t.is(
    error?.message,
    `cannot trust ${channelName}: its timestamp.json is signed by 0 of the 1 keys that it needs`,
  );
});

test('a root counts as long as its machine trusts who vouched for it', async (t) => {
  const { vendor, present } = prepared;
  const machine = newMachine();
  await readChannel(present, undefined, await policyOf(vendor, machine, later));
  const stranger = await makeVendor(t, 'stranger');
  const { endorsedBy } = await policyOf(stranger, machine, later);
  const policy = await policyOf(vendor, machine, later, { endorsedBy });
  const error = await t.throwsAsync(readChannel(present, machine.trust, policy));
  t.regex(
    error?.message ?? '',
    /^cannot trust registry\.example\/machine\/stable:1\.root\.json: its certificate ".*" was not signed by a CA of manifestCA\.pem$/,
  );
});

test('a root whose project was revoked counts for nobody, until another certificate of the product vouches for it', async (t) => {
  const vendor = await makeVendor(t);
  await addChannelKeys(vendor);
  const source = memoryChannel();
  await offer(vendor, source, { releases: [1], at: later });
  const machine = newMachine();
  await readChannel(source, undefined, await policyOf(vendor, machine, later));
  const options = { folder: vendor.keys };
  const { path } = await revokeProject(linuxHost, vendor.keyset, 'default', options);
  const [file = '', proof] = [...source.endorsed].at(-1) ?? [];
  if (proof !== undefined) source.endorsed.set(file, { ...proof, revoked: await readFile(path) });
  const read = async (from = source) =>
    readChannel(from, machine.trust, await policyOf(vendor, machine, later));
  const refused = `cannot trust ${channelName}:1.root.json: its certificate "manifest PRODUCT:${vendor.product}" was revoked`;
  t.is((await t.throwsAsync(read()))?.message, refused);

  await addProject(linuxHost, vendor.keyset, 'next', { ...options, product: vendor.product });
  const mended = memoryChannel(source);
  await offer(vendor, mended, { releases: [1, 2], at: later, project: 'next' });
  mended.endorsed.set(file, { ...mended.endorsed.get(file), revoked: await readFile(path) } as never);
  t.is((await read(mended)).index.releases.length, 2);
  // Who takes the list away again brings the revoked certificate back to nobody who has seen it.
  const old = memoryChannel(source);
  if (proof !== undefined) old.endorsed.set(file, proof);
  if (machine.trust !== undefined && proof !== undefined)
    machine.trust = {
      ...machine.trust,
      endorsement: {
        certificate: Buffer.from(proof.certificate).toString(),
        signature: Buffer.from(proof.signature).toString('base64'),
      },
    };
  t.is((await t.throwsAsync(read(old)))?.message, refused);
});

test('nobody judges an index by a clock that is earlier than the program', async (t) => {
  const { vendor, present } = prepared;
  const policy = await policyOf(vendor, newMachine(), first, {
    time: { now: new Date(0), builtAt: new Date(first) },
  });
  t.is(
    (await t.throwsAsync(readChannel(present, undefined, policy)))?.message,
    'cannot judge dates: the clock says 1970-01-01T00:00:00.000Z, but this program was built at 2027-01-01T00:00:00.000Z',
  );
});
