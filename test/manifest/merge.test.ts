import test from 'ava';
import {
  contentOf,
  diffContent,
  mergeUpdate,
  noAllocations,
  renderSystemManifest,
  summarizeChanges,
} from '../../pkg/manifest/index.ts';
import { manifest, sha, simple, target } from './samples.ts';

const first = async () =>
  mergeUpdate({
    update: {
      sha: sha('a'),
      manifest: await manifest(
        [
          target('hostfs'),
          target('web', simple()),
          target('db', { ...simple({ ipv4: '10.0.3.2' }), nsgroup: 'db' }),
        ],
        { storage: [{ label: 'data', persistent: true, nsgroup: 'web', size: 10 }], release: 1 },
      ),
    },
    allocations: noAllocations,
    hostRanges: [{ start: 100_000, count: 65_536 }],
  });

test('a first install gives ids beside those of the host, and addresses beside stated ones', async (t) => {
  const { system } = await first();
  t.is(
    renderSystemManifest(system),
    `[
  {"name":"db","source":"${'a'.repeat(64)}.yaml","idmap":{"nsgroup":"db","hostid":165536,"count":65536},"network":{"ipv4":"10.0.3.2/24","ipv6":"fd6d:6f73:3::3/64"}},
  {"name":"hostfs","source":"${'a'.repeat(64)}.yaml"},
  {"name":"web","source":"${'a'.repeat(64)}.yaml","idmap":{"nsgroup":"web","hostid":231072,"count":65536},"network":{"ipv4":"10.0.3.3/24","ipv6":"fd6d:6f73:3::2/64"}},
  {"volume":"data","source":"${'a'.repeat(64)}.yaml","idmap":{"nsgroup":"web","hostid":231072,"count":65536}}
]
`,
  );
});

test('a partial update keeps what it does not name, a complete one replaces all', async (t) => {
  const before = await first();
  const partial = mergeUpdate({
    previous: before,
    update: {
      sha: sha('b'),
      manifest: await manifest(
        [target('web', { ...simple(), version: '2.0', digest: `sha256:${'e'.repeat(64)}` })],
        {
          update_type: 'partial',
          release: 2,
        },
      ),
    },
    allocations: before.allocations,
    hostRanges: [],
  });
  t.deepEqual(
    partial.system.targets.map(({ name, source, network }) => [name, source[0], network?.ipv4]),
    [
      ['hostfs', 'a', undefined],
      ['db', 'a', '10.0.3.2/24'],
      ['web', 'b', '10.0.3.3/24'],
    ],
  );
  t.deepEqual(partial.system.volumes, before.system.volumes);
  t.deepEqual([...partial.sources.keys()], [sha('a'), sha('b')]);
  t.is(partial.machine.release, 2);

  const complete = mergeUpdate({
    previous: partial,
    update: {
      sha: sha('c'),
      manifest: await manifest([target('hostfs'), target('mail', simple())], { release: 3 }),
    },
    allocations: partial.allocations,
    hostRanges: [],
  });
  t.deepEqual([...complete.sources.keys()], [sha('c')]);
  t.deepEqual(
    complete.system.targets.map(({ name, idmap, network }) => [name, idmap?.hostid, network]),
    [
      ['hostfs', undefined, undefined],
      ['mail', 231072, { ipv4: '10.0.3.4/24', ipv6: 'fd6d:6f73:3::4/64' }],
    ],
    'mail is of the group web and has an address that nobody had',
  );
  const changes = diffContent(contentOf(partial.machine), contentOf(complete.machine));
  t.is(summarizeChanges(changes), 'db removed, mail added, web removed, volume data removed');
  t.false(changes.some((change) => change.boot));
});

test('what was given out is kept when the table is lost, from the generation that runs', async (t) => {
  const before = await first();
  const again = mergeUpdate({
    previous: before,
    update: { sha: sha('a'), manifest: before.sources.get(sha('a')) ?? (t.fail() as never) },
    allocations: noAllocations,
    hostRanges: [],
  });
  t.deepEqual(again.system, before.system);
});

test('a range is never given twice, even after its group has gone', async (t) => {
  const before = await first();
  const gone = mergeUpdate({
    previous: before,
    update: { sha: sha('b'), manifest: await manifest([target('hostfs')], { release: 2 }) },
    allocations: before.allocations,
    hostRanges: [],
  });
  t.deepEqual(gone.system.targets, [{ name: 'hostfs', source: sha('b') }] as never);
  const other = mergeUpdate({
    previous: gone,
    update: { sha: sha('c'), manifest: await manifest([target('hostfs'), target('x', { nsgroup: 'x' })]) },
    allocations: gone.allocations,
    hostRanges: [],
  });
  t.is(other.system.targets[1]?.idmap?.hostid, 100_000, 'the host does not have these ids any more');
  t.deepEqual([...other.allocations.nsgroups], [
    ['db', 165_536],
    ['web', 231_072],
    ['x', 100_000],
  ] as never);
});

test('a stated address goes to its service; another present service that has it is in the way', async (t) => {
  const before = await first();
  const update = async (name: string, others: readonly string[]) =>
    mergeUpdate({
      previous: before,
      update: {
        sha: sha('b'),
        manifest: await manifest([
          ...others.map((other) => target(other, simple())),
          target(name, simple({ ipv4: '10.0.3.3/24' })),
        ]),
      },
      allocations: before.allocations,
      hostRanges: [],
    });
  await t.throwsAsync(update('new', ['web']), {
    message: 'cannot give 10.0.3.3/24 to new: this machine gave it to web',
  });
  const taken = await update('new', []);
  t.is(taken.system.targets[0]?.network?.ipv4, '10.0.3.3/24');
  t.false(taken.allocations.addresses.has('web' as never));
});

const refuses = test.macro({
  exec: async (t, build: () => Promise<unknown>, message: string) => {
    await t.throwsAsync(build, { message });
  },
  title: (_, __, message: string) => message,
});
const onto = async (targets: readonly object[], given: Readonly<Record<string, unknown>>) => {
  const before = await first();
  return mergeUpdate({
    previous: before,
    update: { sha: sha('b'), manifest: await manifest(targets as never, given) },
    allocations: before.allocations,
    hostRanges: [],
  });
};
test(
  refuses,
  async () =>
    mergeUpdate({
      update: { sha: sha('a'), manifest: await manifest([target('web')], { update_type: 'partial' }) },
      allocations: noAllocations,
      hostRanges: [],
    }),
  'cannot install a partial manifest: there is nothing yet that it could be a part of',
);
test(
  refuses,
  () => onto([target('hostfs')], { product: 'other' }),
  'cannot use the manifest: it is for the product other, this machine is a default',
);
test(
  refuses,
  () => onto([target('x', { storage: [{ dest: '/d', label: 'logs' }] })], { update_type: 'partial' }),
  'cannot use the manifest with what the machine has: x.storage[0].label is logs, which no manifest declares',
);
test(
  refuses,
  () => onto([target('x', { depends_on: ['nobody'] })], { update_type: 'partial' }),
  'cannot use the manifest with what the machine has: x.depends_on[0] is nobody, which is no target',
);
test(
  refuses,
  async () => {
    const ports = [{ host: 80, container: 80 }];
    const before = mergeUpdate({
      update: { sha: sha('a'), manifest: await manifest([target('web', simple({ ports }))]) },
      allocations: noAllocations,
      hostRanges: [],
    });
    return mergeUpdate({
      previous: before,
      update: {
        sha: sha('b'),
        manifest: await manifest([target('new', simple({ ports }))], { update_type: 'partial' }),
      },
      allocations: before.allocations,
      hostRanges: [],
    });
  },
  'cannot use the manifest with what the machine has: new.network.ports[0].host is 80/tcp, which web has already',
);

test('addresses and ids end', async (t) => {
  const many = Array.from({ length: 254 }, (_, i) => target(`s${i}`, simple()));
  const build = async (count: number) =>
    mergeUpdate({
      update: { sha: sha('a'), manifest: await manifest(many.slice(0, count)) },
      allocations: noAllocations,
      hostRanges: [],
    });
  t.is((await build(253)).system.targets[252]?.network?.ipv4, '10.0.3.254/24');
  await t.throwsAsync(build(254), {
    message: 'cannot give an address to s253: all of 10.0.3.1/24 were given out',
  });
  await t.throwsAsync(
    async () =>
      mergeUpdate({
        update: { sha: sha('a'), manifest: await manifest([target('s', simple())]) },
        allocations: noAllocations,
        hostRanges: [{ start: 0, count: 0xffff_ffff - 65_535 }],
      }),
    { message: 'cannot give ids to the nsgroup web: all ranges are taken' },
  );
});
