import test from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import {
  addNote,
  explainGenerations,
  type HistoryEntry,
  keptGenerations,
  listGenerations,
  moveRoles,
  readNotes,
} from '../../pkg/state/index.ts';
import { parseMessage, renderMessage } from '../../pkg/state/message.ts';
import { parseNotes, renderNotes } from '../../pkg/state/notes.ts';
import { advance, git, locked, temporaryState, withClock } from './samples.ts';

test('a message is read as it was rendered', (t) => {
  const message = {
    number: 12,
    summary: 'hostfs 1 → 2: "new"',
    trailers: [
      ['Release', '7'],
      ['Reason', 'a: b'],
    ] as const,
  };
  t.is(renderMessage(message), 'generation 12: hostfs 1 → 2: "new"\n\nRelease: 7\nReason: a: b\n');
  t.deepEqual<unknown, unknown>(parseMessage(renderMessage(message)), message);
  const bare = { number: 1, summary: 'x', trailers: [] };
  t.is(renderMessage(bare), 'generation 1: x\n');
  t.deepEqual<unknown, unknown>(parseMessage('generation 1: x\n'), bare);
  t.deepEqual(parseMessage('generation 1: x\n\nRelease: 3\n\nReason: last paragraph only\n')?.trailers, [
    ['Reason', 'last paragraph only'],
  ]);
  for (const text of [
    '',
    'Initial commit',
    'generation 0: x',
    'generation 01: x',
    'generation 1:x',
    ' generation 1: x',
  ])
    t.is(parseMessage(text), undefined, text);
});

test('a note is one line whatever stands in its reason', (t) => {
  const time = new Date('2026-11-21T10:00:00.123Z');
  const text = renderNotes([
    { time, kind: 'bad', reason: 'exit 1:\n2026-11-21T10:00:00Z good: forged\0\u2028end' },
    { time, kind: 'pinned', reason: '' },
  ]);
  t.is(
    text,
    '2026-11-21T10:00:00Z bad: exit 1: 2026-11-21T10:00:00Z good: forged end\n2026-11-21T10:00:00Z pinned: \n',
  );
  t.deepEqual(
    parseNotes(`${text}by hand\n2026-11-21T10:00:00Z better: x\n`).map(({ kind, reason }) => [kind, reason]),
    [
      ['bad', 'exit 1: 2026-11-21T10:00:00Z good: forged end'],
      ['pinned', ''],
    ],
  );
});

/** 1 good, 2 bad and fallen back from, 3 runs, 4 is to be booted. */
test('what became of the generations is told with its reasons', async (t) => {
  const state = await temporaryState(t);
  const clock = withClock('2026-11-21T10:00:00Z');
  const note = async (commit: string, kind: 'good' | 'bad' | 'pinned' | 'unpinned', reason: string) => {
    await using lock = await locked(clock.host, state);
    await addNote(clock.host, lock, commit, { kind, reason });
  };
  const zero = await advance(clock.host, state, 'zero');
  await note(zero.commit, 'good', 'healthy');
  const one = await advance(clock.host, state, 'one');
  clock.set('2026-11-21T11:00:00Z');
  await note(one.commit, 'good', 'healthy');
  await note(one.commit, 'good', 'healthy');
  await note(one.commit, 'pinned', 'by hand');
  clock.set('2026-11-21T12:00:00Z');
  const two = await advance(clock.host, state, 'two', 'current', { trailers: [['Reason', 'mosctl update']] });
  await note(two.commit, 'bad', 'web did not answer');
  const back = { summary: 'back to generation 2', trailers: [['Reason', 'fell back from generation 3']] };
  const three = await advance(clock.host, state, 'one', 'current', back);
  const four = await advance(clock.host, state, 'four', 'next');
  {
    await using lock = await locked(clock.host, state);
    await moveRoles(clock.host, lock, [{ role: 'good', from: undefined, to: one.commit }]);
  }
  const entries = await listGenerations(clock.host, state);
  t.deepEqual(
    entries.map(({ number, roles, verdict, isPinned, notes }) => [
      number,
      roles,
      verdict,
      isPinned,
      notes.length,
    ]),
    [
      [5, ['next'], undefined, false, 0],
      [4, ['current'], undefined, false, 0],
      [3, [], 'bad', false, 1],
      [2, ['good'], 'good', true, 2],
      [1, [], 'good', false, 1],
    ],
  );
  t.deepEqual([three.number, four.number], [4, 5]);
  t.deepEqual(
    explainGenerations(entries).map(
      ({ time, number, text }) => `${time.toISOString().slice(11, 13)} ${number} ${text}`,
    ),
    [
      '10 2 made: hostfs one; test',
      '11 2 good: healthy',
      '11 2 pinned: by hand',
      '12 3 made: hostfs two; mosctl update',
      '12 3 bad: web did not answer',
      '12 4 made: back to generation 2; fell back from generation 3',
      '12 5 made: hostfs four; test',
    ],
  );
  t.deepEqual(await listGenerations(clock.host, state, { most: 2 }), entries.slice(0, 2));
  await note(one.commit, 'unpinned', '');
  t.false((await listGenerations(clock.host, state))[3]?.isPinned);
});

test('kept are the newest, those with a role, the pinned and the last good one', (t) => {
  const entry = (number: number, given: Partial<HistoryEntry> = {}): HistoryEntry => ({
    number,
    commit: '',
    tree: '',
    time: new Date(0),
    summary: '',
    trailers: [],
    roles: [],
    notes: [],
    isPinned: false,
    ...given,
  });
  const entries = [
    entry(9),
    entry(8),
    entry(7),
    entry(6),
    entry(5, { roles: ['good'] }),
    entry(4, { verdict: 'good' }),
    entry(3, { verdict: 'good' }),
    entry(2, { isPinned: true }),
    entry(1),
  ];
  t.deepEqual(
    keptGenerations(entries).map(({ number }) => number),
    [9, 8, 7, 5, 4, 2],
  );
  t.deepEqual(
    keptGenerations(entries, 0).map(({ number }) => number),
    [5, 4, 2],
  );
});

test('notes that git itself added and spread over folders are read and kept', async (t) => {
  const state = await temporaryState(t);
  const made = await advance(linuxHost, state, 'one');
  const person = ['-c', 'user.name=x', '-c', 'user.email=x', 'notes', '--ref=mos'];
  await git(state, ...person, 'add', '-m', 'a word of a person', made.commit);
  await git(state, 'read-tree', '--empty');
  const blob = await git(state, 'rev-parse', `refs/notes/mos:${made.commit}`);
  await git(
    state,
    'update-index',
    '--add',
    '--cacheinfo',
    `100644,${blob},${made.commit.slice(0, 2)}/${made.commit.slice(2)}`,
  );
  const commit = await git(
    state,
    '-c',
    'user.name=x',
    '-c',
    'user.email=x',
    'commit-tree',
    '-m',
    'x',
    await git(state, 'write-tree'),
  );
  await git(state, 'update-ref', 'refs/notes/mos', commit);
  {
    await using lock = await locked(linuxHost, state);
    await addNote(linuxHost, lock, made.commit, { kind: 'pinned', reason: 'mine' });
  }
  t.deepEqual(
    (await readNotes(linuxHost, state)).get(made.commit)?.map(({ kind }) => kind),
    ['pinned'],
  );
  t.regex(
    await git(state, 'notes', '--ref=mos', 'show', made.commit),
    /^a word of a person\n\S+ pinned: mine$/,
  );
});
