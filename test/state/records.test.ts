import { readFile, unlink, writeFile } from 'node:fs/promises';
import test from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import {
  type NsGroup,
  noAllocations,
  parseManifestSha,
  parseProduct,
  parseServiceName,
  renderSystemManifest,
} from '../../pkg/manifest/index.ts';
import {
  addNote,
  readAcceptedRelease,
  readAllocations,
  readFloor,
  readProduct,
  recordAllocations,
  recordProduct,
  recordRelease,
  requireFloor,
  requireRelease,
} from '../../pkg/state/index.ts';
import { raiseFloor } from '../helpers/raise-floor.ts';
import { advance, content, locked, temporaryState } from './samples.ts';

const a = parseManifestSha('a'.repeat(64));
const b = parseManifestSha('b'.repeat(64));
const candidate = (release: number | undefined, sha = a) => ({ what: 'host/os:2', release, sha });

test('a release only grows, and one number means one content', (t) => {
  t.notThrows(() => requireRelease(undefined, candidate(undefined)));
  const accepted = { release: 7, sha: a };
  t.notThrows(() => requireRelease(accepted, candidate(7)));
  t.notThrows(() => requireRelease(accepted, candidate(8, b)));
  const refused = (given: ReturnType<typeof candidate>) =>
    t.throws(() => requireRelease(accepted, given), { code: 'downgrade' })?.message;
  t.is(
    refused(candidate(6)),
    'cannot accept host/os:2: it is release 6, and this machine accepted release 7',
  );
  t.is(refused(candidate(7, b)), 'cannot accept host/os:2: release 7 was accepted with other content before');
  t.is(
    refused(candidate(undefined)),
    'cannot accept host/os:2: it has no release number, and this machine accepted release 7',
  );
  t.notThrows(() => requireRelease({ release: 7 }, candidate(7, b)));
});

test('the accepted release is remembered, and the history remembers it when the file is lost or old', async (t) => {
  const state = await temporaryState(t);
  const path = `${state.records}/accepted.json`;
  {
    await using lock = await locked(linuxHost, state);
    t.deepEqual(await readAcceptedRelease(linuxHost, state), { value: undefined });
    await recordRelease(linuxHost, lock, candidate(undefined));
    t.is(await linuxHost.files.stat(path), undefined);
    await recordRelease(linuxHost, lock, candidate(7));
    t.is(await readFile(path, 'utf8'), `{\n  "format": 1,\n  "release": 7,\n  "sha": "${a}"\n}\n`);
    const before = await linuxHost.files.stat(path);
    await recordRelease(linuxHost, lock, candidate(7));
    t.deepEqual(await linuxHost.files.stat(path), before);
    await t.throwsAsync(recordRelease(linuxHost, lock, candidate(6)), { code: 'downgrade' });
  }
  await advance(linuxHost, state, 'one', 'current', {
    trailers: [
      ['Release', '9'],
      ['Manifest', b],
    ],
  });
  const known = { value: { release: 9, sha: b } };
  t.deepEqual<unknown, unknown>(await readAcceptedRelease(linuxHost, state), known);
  await unlink(path);
  t.deepEqual<unknown, unknown>(await readAcceptedRelease(linuxHost, state), known);
  await writeFile(path, '{"format": 1, "release": 8');
  t.deepEqual<unknown, unknown>(await readAcceptedRelease(linuxHost, state), {
    ...known,
    problem: `${path} is damaged`,
  });
  await using lock = await locked(linuxHost, state);
  await recordRelease(linuxHost, lock, candidate(9, b));
  t.deepEqual<unknown, unknown>(await readAcceptedRelease(linuxHost, state), known);
});

const unreadable = test.macro({
  exec: async (t, text: string) => {
    const state = await temporaryState(t);
    await advance(linuxHost, state, 'one');
    await writeFile(`${state.records}/floor.json`, text);
    t.deepEqual(await readFloor(linuxHost, state), {
      value: 0,
      problem: `${state.records}/floor.json is damaged`,
    });
  },
  title: (_, text) => `${JSON.stringify(text)} is no floor`,
});
for (const text of ['', '{}', '[]', 'null', '1', '{"format":1}', '{"format":0,"security_version":1}'])
  test(unreadable, text);
for (const value of ['-1', '1.5', '"1"', 'null', '1e400', '{}'])
  test(unreadable, `{"format":1,"security_version":${value}}`);
test(unreadable, '{"format":1,"security_version":1,"more":1}');

test('a file of a newer format is refused and not passed over', async (t) => {
  const state = await temporaryState(t);
  await advance(linuxHost, state, 'one');
  await writeFile(`${state.records}/floor.json`, '{"format":2,"security_version":{"a":1}}');
  await t.throwsAsync(readFloor(linuxHost, state), {
    code: 'unsupported',
    message: `cannot read ${state.records}/floor.json: its format is 2, this program knows 1`,
  });
});

test('the floor rises and never sinks, and the good generations remember it', async (t) => {
  const state = await temporaryState(t);
  const trailers = [['Security-Version', '3']];
  const three = await advance(linuxHost, state, 'one', 'current', { trailers });
  await advance(linuxHost, state, 'two', 'next', { trailers: [['Security-Version', '9']] });
  t.deepEqual(await readFloor(linuxHost, state), { value: 0 });
  await using lock = await locked(linuxHost, state);
  await addNote(linuxHost, lock, three.commit, { kind: 'good', reason: '' });
  t.deepEqual(await readFloor(linuxHost, state), { value: 3 }, 'generation 2 did not prove good');
  await raiseFloor(linuxHost, lock, 2);
  t.deepEqual(await readFloor(linuxHost, state), { value: 3 });
  await raiseFloor(linuxHost, lock, 4);
  await raiseFloor(linuxHost, lock, 1);
  t.deepEqual(await readFloor(linuxHost, state), { value: 4 });
  t.is(
    await readFile(`${state.records}/floor.json`, 'utf8'),
    '{\n  "format": 1,\n  "security_version": 4\n}\n',
  );
  t.notThrows(() => requireFloor(4, 'generation 3', 4));
  t.throws(() => requireFloor(4, 'generation 3', 3), {
    code: 'downgrade',
    message: 'cannot use generation 3: its security version is 3, this machine requires 4',
  });
});

test('the product is fixed once', async (t) => {
  const state = await temporaryState(t);
  await using lock = await locked(linuxHost, state);
  t.deepEqual(await readProduct(linuxHost, state), { value: undefined });
  await recordProduct(linuxHost, lock, { product: parseProduct('p'), origin: 'first install' });
  await recordProduct(linuxHost, lock, { product: parseProduct('p'), origin: 'option' });
  t.deepEqual<unknown, unknown>(await readProduct(linuxHost, state), {
    value: { product: 'p', origin: 'first install' },
  });
  await t.throwsAsync(recordProduct(linuxHost, lock, { product: parseProduct('q'), origin: 'option' }), {
    message: 'cannot make this machine a q: it is a p (from first install)',
  });
  await writeFile(`${state.records}/product.json`, '{"format":1,"product":"../p","origin":"option"}');
  t.is((await readProduct(linuxHost, state)).problem, `${state.records}/product.json is damaged`);
});

test('allocations are written and read, and found in the generations when the file is lost', async (t) => {
  const state = await temporaryState(t);
  const table = {
    nsgroups: new Map([['web' as NsGroup, 100_000]]),
    addresses: new Map([[parseServiceName('web'), { ipv4: '10.0.3.2/24', ipv6: 'fd6d:6f73:3::2/64' }]]),
  };
  {
    await using lock = await locked(linuxHost, state);
    t.deepEqual(await readAllocations(linuxHost, state), { value: noAllocations });
    await recordAllocations(linuxHost, lock, table);
    t.deepEqual(await readAllocations(linuxHost, state), { value: table });
    const before = await linuxHost.files.stat(`${state.records}/allocations.json`);
    await recordAllocations(linuxHost, lock, table);
    t.deepEqual(await linuxHost.files.stat(`${state.records}/allocations.json`), before);
  }
  const [source = a] = content('one').files.keys();
  const idmap = { nsgroup: 'web' as NsGroup, hostid: 100_000, count: 65_536 };
  const address = { ipv4: '10.0.3.2/24', ipv6: 'fd6d:6f73:3::2/64' };
  const target = { name: parseServiceName('web'), source, idmap, network: address };
  await advance(linuxHost, state, 'one', 'current', {
    system: renderSystemManifest({ targets: [target], volumes: [] }),
  });
  await advance(linuxHost, state, 'one');
  await writeFile(`${state.records}/allocations.json`, '{"format":1,"nsgroups":{"web":5},"addresses":{}}');
  t.deepEqual(await readAllocations(linuxHost, state), {
    value: table,
    problem: `${state.records}/allocations.json is damaged`,
  });
  await unlink(`${state.records}/allocations.json`);
  t.deepEqual(await readAllocations(linuxHost, state), { value: table });
});
