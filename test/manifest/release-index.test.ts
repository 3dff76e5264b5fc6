import test from 'ava';
import {
  parseReleaseIndex,
  type Running,
  recallOf,
  releasesFor,
  renderReleaseIndex,
  wavesOf,
} from '../../pkg/manifest/index.ts';

const digest = (character: string): string => `sha256:${character.repeat(64)}`;

/** Keys in another order than they are written in. */
const document = {
  releases: [
    {
      release: 3,
      version: '1.2.0',
      arch: 'amd64',
      manifest: digest('3'),
      minimum: 2,
      notes: 'https://example.com/1.2.0',
      waves: [
        { start: '2027-01-01T00:00:00Z', end: '2027-01-02T00:00:00Z', start_seed: 0, end_seed: 42949673 },
        {
          start: '2027-01-03T00:00:00Z',
          end: '2027-01-09T00:00:00Z',
          start_seed: 42949673,
          end_seed: 4294967296,
        },
      ],
    },
    { release: 1, version: '1.0.0', arch: 'arm64', manifest: digest('a'), waves: [] },
    { release: 1, version: '1.0.0', arch: 'amd64', manifest: digest('1'), waves: [], maximum: 0 },
    { release: 2, version: '1.1.0', arch: 'amd64', manifest: digest('2'), withdrawn: 'loses its clock' },
  ],
  channel: 'machine/stable',
  product: 'default',
  version: 1,
};

const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

test('an index is written in one order, and read back the same', (t) => {
  const { index, unknown } = parseReleaseIndex(bytesOf(document));
  const bytes = renderReleaseIndex(index);
  t.deepEqual(unknown, []);
  t.deepEqual(
    parseReleaseIndex(bytes).index.releases.map(({ release, arch }) => `${release} ${arch}`),
    ['1 amd64', '1 arm64', '2 amd64', '3 amd64'],
  );
  t.deepEqual(renderReleaseIndex(parseReleaseIndex(bytes).index), bytes);
  t.true(
    new TextDecoder()
      .decode(bytes)
      .startsWith(
        `{\n  "version": 1,\n  "product": "default",\n  "channel": "machine/stable",\n  "releases": [\n    {\n      "version": "1.0.0",`,
      ),
  );
});

test('unknown fields are tolerated and named', (t) => {
  const [first, ...rest] = document.releases;
  const { unknown } = parseReleaseIndex(
    bytesOf({ ...document, colour: 1, releases: [{ ...first, region: 'north' }, ...rest] }),
  );
  t.deepEqual(unknown, ['colour', 'releases[0].region']);
});

const refuses = test.macro({
  exec(t, change: object, why: string) {
    const [first, ...rest] = document.releases;
    const { releases: own, ...top } = change as { releases?: object };
    const changed = { ...document, ...top, releases: [{ ...first, ...own }, ...rest] };
    t.is(
      t.throws(() => parseReleaseIndex(bytesOf(changed)))?.message,
      `cannot use the release index: ${why}`,
    );
  },
  title: (_, _change, why) => `refused: ${why}`,
});
const [early, late] = document.releases[0]?.waves ?? [];

test(refuses, { version: 2 }, 'its version is 2, this program knows version 1');
test(refuses, { channel: '../stable' }, 'channel must be the name of a repository');
test(
  refuses,
  { releases: { manifest: 'latest' } },
  'releases[0].manifest must be sha256: and 64 lower-case hex digits',
);
test(refuses, { releases: { arch: 'x86_64' } }, 'releases[0].arch must be amd64 or arm64');
test(
  refuses,
  { releases: { release: 2, minimum: 1 } },
  'releases[3] is release 2 for amd64 for the second time',
);
test(
  refuses,
  { releases: { version: '1.1.0' } },
  'releases[3] is version 1.1.0 for amd64 for the second time',
);
test(refuses, { releases: { maximum: 1 } }, 'releases[0].minimum must not be more than the maximum, 1');
test(refuses, { releases: { minimum: 3 } }, 'releases[0].minimum must be less than the release itself, 3');
test(
  refuses,
  { releases: { notes: 'javascript:alert(1)' } },
  'releases[0].notes must be an https address of at most 1000 characters',
);
test(
  refuses,
  { releases: { withdrawn: '\u001b[2J' } },
  'releases[0].withdrawn must be 1 to 200 characters without control characters',
);
test(
  refuses,
  { releases: { waves: [late] } },
  'releases[0].waves[0].start_seed must be 0: waves have no gaps',
);
test(
  refuses,
  { releases: { waves: [early, early] } },
  'releases[0].waves[1].start_seed must be 42949673: waves have no gaps',
);
test(
  refuses,
  { releases: { waves: [early, { ...late, start: '2026-12-31T00:00:00Z' }] } },
  'releases[0].waves[1].start must not be before that of the wave before it',
);
test(
  refuses,
  { releases: { waves: [{ ...early, start_seed: 5, end_seed: 5 }] } },
  'releases[0].waves[0] must end behind its first seed',
);
test(
  refuses,
  { releases: { waves: [{ ...early, end: early?.start }] } },
  'releases[0].waves[0] must end after it starts',
);
test(
  refuses,
  { releases: { waves: [{ ...early, start: '2027-02-30T00:00:00Z' }] } },
  'releases[0].waves[0].start must be a time like 2027-01-31T00:00:00Z',
);

test('bytes that are no JSON are refused', (t) => {
  t.is(
    t.throws(() => parseReleaseIndex(new TextEncoder().encode('version: 1')))?.message,
    'cannot use the release index: it is no JSON',
  );
});

const offered = test.macro({
  exec(t, running: Running, max: number | undefined, versions: readonly string[]) {
    const { index } = parseReleaseIndex(bytesOf({ ...document, max }));
    t.deepEqual(
      releasesFor(index, running).map(({ version }) => version),
      versions,
    );
  },
  title: (_, { release, arch }, max) => `what ${arch} with release ${release} may take, max ${max}`,
});

test(offered, { release: undefined, arch: 'amd64' }, undefined, ['1.0.0']);
test(offered, { release: 0, arch: 'arm64' }, undefined, ['1.0.0']);
test(offered, { release: 1, arch: 'amd64' }, undefined, []);
test(offered, { release: 2, arch: 'amd64' }, undefined, ['1.2.0']);
test(offered, { release: 2, arch: 'amd64' }, 2, []);
test(offered, { release: 3, arch: 'amd64' }, undefined, []);

test('who runs what was recalled or withdrawn is told why', (t) => {
  const { index } = parseReleaseIndex(bytesOf({ ...document, max: 2 }));
  const told = [undefined, 1, 2, 3, 4].map((release) => recallOf(index, { release, arch: 'amd64' }));
  const recalled = 'its publisher recalled everything above release 2';
  t.deepEqual(told, [
    undefined,
    undefined,
    'its publisher has withdrawn it: loses its clock',
    recalled,
    recalled,
  ]);
});

test('percentages of the fleet become waves that follow each other', (t) => {
  const times = { start: '2027-01-01T00:00:00Z', end: '2027-01-02T00:00:00Z' };
  const seeds = (...percents: number[]) =>
    wavesOf(percents.map((percent) => ({ percent, ...times }))).map(({ start_seed, end_seed }) => [
      start_seed,
      end_seed,
    ]);
  t.deepEqual(seeds(1, 10), [
    [0, 42949673],
    [42949673, 472446403],
  ]);
  t.deepEqual(seeds(33.3, 33.3, 33.4).at(-1), [2860448219, 4294967296]);
  t.is(
    t.throws(() => seeds(60, 60))?.message,
    'cannot make waves of 60, 60 %: each must be more than 0, all at most 100',
  );
});
