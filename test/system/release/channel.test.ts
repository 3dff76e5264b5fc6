import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import test from 'ava';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { openZotRoot } from '../../../pkg/layout/index.ts';
import { copyGraph } from '../../../pkg/oci/index.ts';
import { parseChannel, referenceOfRelease } from '../../../pkg/system/index.ts';
import { call } from '../../helpers/cli.ts';
import { openDesk } from '../../helpers/release.ts';
import { treeOf } from '../../helpers/tree.ts';
import { addProduct } from '../../helpers/vendor.ts';

const plain = (text: string, folder: string): string =>
  text
    .replaceAll(folder, 'HOME')
    .replaceAll(/sha256:[0-9a-f]{64}/g, 'SHA')
    .replaceAll(/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z/g, 'TIME')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID');

test('a vendor offers, schedules, recalls and withdraws releases; a machine reads what was signed', async (t) => {
  const desk = await openDesk(t);
  const { folder, release } = desk;
  const channel = `zot:${desk.vendor.repository}:machine/stable`;
  t.is((await desk.trust('tuf-keys', 'add', 'acme')).exit, 0);
  const [one, two] = [await desk.publish(1), await desk.publish(2)];
  const said = async (word: string, ...words: string[]) =>
    plain(await release(word, channel, ...words), folder);

  t.is(
    await said('add', one, '--arch', 'amd64', '--notes', 'https://example.com/1'),
    'waits for mosb release sign in zot:HOME/repository:machine/stable:\n  1.1.0 (release 1, amd64): added, everybody at once\n',
  );
  t.regex((await desk.tryRelease('show', channel)).stdout, /machines see nothing yet/);
  const roles = [
    '  role       version  until',
    '  root       1        TIME',
    '  targets    1        TIME',
    '  snapshot   1        TIME',
    '  timestamp  1        TIME',
    '',
  ];
  t.is(
    await said('sign'),
    [
      'signed zot:HOME/repository:machine/stable',
      '  1.1.0 (release 1, amd64): added, everybody at once',
      ...roles,
    ].join('\n'),
  );
  const before = treeOf(desk.vendor.repository);
  t.is(await said('sign'), ['nothing changed: zot:HOME/repository:machine/stable', ...roles].join('\n'));
  t.is(
    await said('add', one, '--arch', 'amd64', '--notes', 'https://example.com/1'),
    'nothing changed: zot:HOME/repository:machine/stable\n',
  );
  t.deepEqual(treeOf(desk.vendor.repository), before);

  const root = `${folder}/root`;
  await mkdir(root);
  const first = await desk.read(root, channel);
  t.deepEqual(
    [first.index.channel, first.index.product, first.from],
    ['machine/stable', desk.vendor.product, 'channel'],
  );
  t.deepEqual(
    first.index.releases.map(({ version, release, arch }) => [version, release, arch]),
    [['1.1.0', 1, 'amd64']],
  );

  await said('add', two, '--arch', 'amd64', '--as', 'two', '--minimum', '1');
  const time = '2027-01-04T08:00:00Z/2027-01-05T08:00:00Z';
  await said('set-waves', 'two', '--wave', `10@${time}`, '--wave', `90@${time}`);
  await said('set-max', '1');
  t.is(
    await said('withdraw', '1.1.0', '--reason', 'loses its clock'),
    [
      'waits for mosb release sign in zot:HOME/repository:machine/stable:',
      '  max: 1 (was none)',
      '  1.1.0 (release 1, amd64): withdrawn loses its clock (was none)',
      '  two (release 2, amd64): added, in 2 waves',
      '',
    ].join('\n'),
  );
  t.deepEqual((await desk.read(root, channel)).index, first.index);
  await said('sign');
  const { index } = await desk.read(root, channel);
  t.deepEqual(
    index.releases.map(({ version, withdrawn, minimum, waves }) => [
      version,
      withdrawn,
      minimum,
      waves.length,
    ]),
    [
      ['1.1.0', 'loses its clock', undefined, 0],
      ['two', undefined, 1, 2],
    ],
  );
  t.is(index.max, 1);
  t.is(
    (await said('show')).split('\n').slice(0, 6).join('\n'),
    [
      'zot:HOME/repository:machine/stable for product UUID',
      '  recalled: everything above release 1',
      '  version  release  arch   from  waves                       manifest',
      '  two      2        amd64  1-    2                           SHA',
      '  1.1.0    1        amd64  any   withdrawn: loses its clock  SHA',
      '  role       version  until',
    ].join('\n'),
  );
  const [, newest] = index.releases;
  const reference = newest && referenceOfRelease(parseChannel(channel, '/'), newest);
  t.deepEqual(reference, {
    ...{ kind: 'zot', root: desk.vendor.repository, repository: 'machine/stable' },
    name: newest?.manifest,
  });
});

test('what a machine has seen holds; without a network only who says so reads an expired index', async (t) => {
  const desk = await openDesk(t);
  const { folder, release, read } = desk;
  const channel = `zot:${desk.vendor.repository}:machine/stable`;
  await desk.trust('tuf-keys', 'add', 'acme');
  await release('add', channel, await desk.publish(1), '--arch', 'arm64');
  await release('sign', channel);
  const root = `${folder}/root`;
  await mkdir(root);
  await cp(desk.vendor.repository, `${folder}/old`, { recursive: true });
  await read(root, channel);

  for (const days of ['0', '99999999'])
    t.is(
      (await desk.tryRelease('sign', channel, '--renew', '--timestamp-days', days)).stderr,
      `mosb: cannot sign for ${days} days: it is 1 to 3650\n`,
    );

  // After four of seven days the timestamp is signed anew, and nothing else.
  desk.setDay(4);
  t.regex(await release('sign', channel), /targets {4}1 .*\n {2}snapshot {3}1 .*\n {2}timestamp {2}2 /);
  await read(root, channel);
  const error = await t.throwsAsync(read(root, `zot:${folder}/old:machine/stable`));
  t.is(
    error?.message,
    `cannot trust zot:${folder}/old:machine/stable: its timestamp.json has version 1, 2 was seen before`,
  );

  desk.setDay(12);
  const { expires } = await read(root, channel, { acceptExpired: true });
  t.is(
    (await t.throwsAsync(read(root, channel)))?.message,
    `cannot trust ${channel}: its timestamp.json has expired at ${expires}`,
  );
  await rename(desk.vendor.repository, `${folder}/away`);
  const kept = await read(root, channel, { acceptExpired: true });
  t.deepEqual([kept.from, kept.index.releases.length], ['kept', 1]);
  await t.throwsAsync(read(root, channel), { code: 'not-found' });
  await t.throwsAsync(read(`${folder}/new`, channel, { acceptExpired: true }), { code: 'not-found' });

  const state = `${root}/config/mos/channels/machine+stable.json`;
  await writeFile(state, (await readFile(state, 'utf8')).slice(0, 100));
  t.is((await t.throwsAsync(read(root, channel)))?.message, `cannot read ${state}: it is damaged`);
});

test('a release that is added again stays as it was set since; another manifest of its number is refused', async (t) => {
  const desk = await openDesk(t);
  const { release } = desk;
  const channel = `zot:${desk.vendor.repository}:machine/stable`;
  await desk.trust('tuf-keys', 'add', 'acme');
  const reference = await desk.publish(1);
  const add = (...words: string[]) => release('add', channel, reference, '--arch', 'amd64', ...words);
  await add('--notes', 'https://example.com/1', '--maximum', '7');
  await release('set-waves', channel, '1.1.0', '--wave', '10@2027-01-04T08:00:00Z/2027-01-05T08:00:00Z');
  await release('withdraw', channel, '1.1.0', '--reason', 'not yet');
  t.regex(await add(), /^nothing changed: /);
  t.regex(await add('--as', 'one'), /one \(release 1, amd64\): added, in 1 wave\n/);
  await release('withdraw', channel, 'one', '--undo');
  await release('sign', channel);
  const { index } = JSON.parse(await release('show', channel, '--json'));
  t.deepEqual(index.releases, [
    {
      ...{ version: 'one', release: 1, manifest: index.releases[0].manifest, arch: 'amd64', maximum: 7 },
      notes: 'https://example.com/1',
      waves: [
        { start_seed: 0, end_seed: 429496730, start: '2027-01-04T08:00:00Z', end: '2027-01-05T08:00:00Z' },
      ],
    },
  ]);
  const other = await desk.publish(1, 'machine/other');
  const same = await desk.tryRelease('add', channel, other, '--arch', 'amd64');
  t.deepEqual([same.exit, same.stderr], [0, '']); // the same bytes are the same manifest
  const changed = await desk.publish(1, 'machine/changed', 'default', '2.0');
  const { exit, stderr } = await desk.tryRelease('add', channel, changed, '--arch', 'amd64');
  t.is(exit, 8);
  t.regex(stderr, /cannot add .*: release 1 for amd64 is sha256:[0-9a-f]{64} already/);
});

test('a channel of another product, and one that was renamed, are refused', async (t) => {
  const desk = await openDesk(t);
  const { folder, release } = desk;
  await desk.trust('tuf-keys', 'add', 'acme');
  const other = await addProduct(desk.vendor, 'other');
  const channel = `zot:${desk.vendor.repository}:machine/stable`;
  const foreign = await desk.publish(1, 'other/web', 'other');
  t.is(
    (await desk.tryRelease('add', channel, foreign, '--arch', 'amd64')).stderr,
    `mosb: cannot trust ${foreign}: it is for product ${other}, this machine is ${desk.vendor.product}\n`,
  );
  await release('add', channel, await desk.publish(2), '--arch', 'amd64');
  await release('sign', channel);
  const root = `${folder}/root`;
  await mkdir(root);
  t.is(
    (await t.throwsAsync(desk.read(root, channel, { product: other })))?.message,
    `cannot trust ${channel}:1.root.json: it is for product ${desk.vendor.product}, this machine is ${other}`,
  );
  await rename(`${desk.vendor.repository}/machine/stable`, `${desk.vendor.repository}/machine/beta`);
  const renamed = `zot:${desk.vendor.repository}:machine/beta`;
  t.is(
    (await t.throwsAsync(desk.read(root, renamed)))?.message,
    `cannot trust ${renamed}: its timestamp.json is for the channel machine/stable, not machine/beta`,
  );
});

test('two of three sign an index: the first signature waits for the second', async (t) => {
  const desk = await openDesk(t);
  const { folder, release } = desk;
  const channel = `zot:${desk.vendor.repository}:machine/stable`;
  await desk.trust('tuf-keys', 'add', 'acme', '--targets', '2/3');
  const targets = `${desk.vendor.keys}/acme/tuf/targets`;
  const ids = Object.keys(treeOf(targets)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  await mkdir(`${folder}/sticks`);
  const away = (id = '') => rename(`${targets}/${id}`, `${folder}/sticks/${id}`);
  const back = (id = '') => rename(`${folder}/sticks/${id}`, `${targets}/${id}`);
  for (const id of ids.slice(1)) await away(id);
  const reference = await desk.publish(1);
  t.is(
    plain(await release('add', channel, reference, '--arch', 'amd64'), folder),
    'waits for mosb release sign in zot:HOME/repository:machine/stable, 1 of 2 signatures:\n  1.1.0 (release 1, amd64): added, everybody at once\n',
  );
  t.is(
    plain(await release('sign', channel), folder),
    'nothing changed: zot:HOME/repository:machine/stable\nmore signatures are needed before machines see the rest:\n  targets: 1 of 2\n',
  );
  await away(ids[0]);
  await back(ids[1]);
  t.regex(await release('sign', channel), /^signed /);
  const root = `${folder}/root`;
  await mkdir(root);
  t.is((await desk.read(root, channel)).index.releases.length, 1);
  await away(ids[1]);
  t.regex(
    (await desk.tryRelease('set-max', channel, '1')).stderr,
    /cannot change .*: no key of the role targets is here/,
  );
});

test('keys that are away hold nothing up: what machines see is kept fresh while a draft waits', async (t) => {
  const desk = await openDesk(t);
  const { folder, release } = desk;
  const channel = `zot:${desk.vendor.repository}:machine/stable`;
  await desk.trust('tuf-keys', 'add', 'acme');
  await release('add', channel, await desk.publish(1), '--arch', 'amd64');
  await release('sign', channel);
  const tuf = `${desk.vendor.keys}/acme/tuf`;
  const root = `${folder}/root`;
  await mkdir(root);

  // Where releases are made there are the keys of targets alone; where it is signed each day, the others.
  for (const role of ['snapshot', 'timestamp']) await rename(`${tuf}/${role}`, `${folder}/${role}`);
  await release('set-max', channel, '7');
  t.is(
    plain(await release('sign', channel), folder)
      .split('\n')
      .slice(-4)
      .join('\n'),
    [
      'more signatures are needed before machines see the rest:',
      '  snapshot: 0 of 1',
      '  timestamp: 0 of 1',
      '',
    ].join('\n'),
  );
  t.is((await desk.read(root, channel)).index.max, undefined);
  for (const role of ['snapshot', 'timestamp']) await rename(`${folder}/${role}`, `${tuf}/${role}`);
  await rename(`${tuf}/targets`, `${folder}/targets`);
  t.regex(await release('sign', channel), /^signed .*\n {2}max: 7 \(was none\)\n/);
  t.is((await desk.read(root, channel)).index.max, 7);

  // After 50 of 90 days nobody here can renew targets: told, and no reason to let the timestamp expire.
  desk.setDay(50);
  const daily = plain(await release('sign', channel), folder);
  t.regex(
    daily,
    /^signed .*\n {2}role .*\n {2}root {7}1 .*\n {2}targets {4}2 .*\n {2}snapshot {3}3 .*\n {2}timestamp {2}3 /,
  );
  t.regex(daily, /more signatures are needed before machines see the rest:\n {2}targets: 0 of 1\n$/);
  t.is((await desk.read(root, channel)).index.max, 7);
  desk.setDay(320);
  const { stderr } = await call(['mosb', 'release', 'sign', '--project', 'acme:default', channel], desk.call);
  t.regex(stderr, /warning: the root of the keyset acme ends at .*: trust tuf-keys rotate acme\n/);
});

test('a draft that no key of ours signed for this channel is passed over, and said', async (t) => {
  const desk = await openDesk(t);
  const { release } = desk;
  const channel = `zot:${desk.vendor.repository}:machine/stable`;
  await desk.trust('tuf-keys', 'add', 'acme');
  await addProduct(desk.vendor, 'other');
  await release('add', channel, await desk.publish(1), '--arch', 'amd64');
  await release('sign', channel);
  // The other product has a channel of the same name elsewhere; somebody copies its draft over ours.
  const there = `${desk.vendor.repository}/there`;
  const foreign = await desk.publish(2, 'machine/web', 'other', '2', there);
  const add = [
    'mosb',
    'release',
    'add',
    '--project',
    'acme:other',
    `zot:${there}:machine/stable`,
    foreign,
    '--arch',
    'amd64',
  ];
  t.is((await call(add, desk.call)).exit, 0);
  const sign = ['mosb', 'release', 'sign', '--project', 'acme:other', `zot:${there}:machine/stable`];
  t.is((await call(sign, desk.call)).exit, 0);
  t.is(
    (
      await call(
        ['mosb', 'release', 'set-max', '--project', 'acme:other', `zot:${there}:machine/stable`, '1'],
        desk.call,
      )
    ).exit,
    0,
  );
  const zot = (root: string) => openZotRoot(linuxHost, root);
  const from = await (await zot(there)).repository('machine/stable');
  const to = await (await zot(desk.vendor.repository)).repository('machine/stable');
  await copyGraph(from, to, await from.resolve('draft.targets.json'), { tag: 'draft.targets.json' });
  const { exit, stdout, stderr } = await call(
    ['mosb', 'release', 'sign', '--project', 'acme:default', channel],
    desk.call,
  );
  t.deepEqual([exit, stdout.split('\n')[0]], [0, `nothing changed: ${channel}`]);
  t.regex(stderr, /warning: the draft in .* is passed over: no present key signed it for this channel/);
});

test('nobody gets a publisher to sign an old index again, and an emptied repository is filled again', async (t) => {
  const desk = await openDesk(t);
  const { folder, release } = desk;
  const channel = `zot:${desk.vendor.repository}:machine/stable`;
  const stable = `${desk.vendor.repository}/machine/stable`;
  await desk.trust('tuf-keys', 'add', 'acme');
  await release('add', channel, await desk.publish(1), '--arch', 'amd64');
  await release('sign', channel);
  await cp(stable, `${folder}/old`, { recursive: true });
  await release('withdraw', channel, '1.1.0', '--reason', 'bad');
  await release('sign', channel);
  await rename(stable, `${folder}/new`);
  await rename(`${folder}/old`, stable);
  const refused = `mosb: cannot trust ${channel}: its timestamp.json has version 1, 2 was seen before`;
  t.is((await desk.tryRelease('set-max', channel, '5')).stderr.split('\n')[0], refused);
  // Nor where the root that took the stolen key out of the channel is hidden together with what came after it.
  await rename(stable, `${folder}/old`);
  await rename(`${folder}/new`, stable);
  await desk.trust('tuf-keys', 'rotate', 'acme', 'timestamp');
  await release('sign', channel);
  await rm(stable, { recursive: true });
  await rename(`${folder}/old`, stable);
  t.is(
    (await desk.tryRelease('set-max', channel, '5')).stderr.split('\n')[0],
    `mosb: cannot trust ${channel}: its timestamp.json is signed by 0 of the 1 keys that it needs`,
  );
  await rm(stable, { recursive: true });
  t.regex(await release('sign', channel), /^signed /);
  const root = `${folder}/root`;
  await mkdir(root);
  t.is((await desk.read(root, channel)).index.releases[0]?.withdrawn, 'bad');
});
