import { writeFile } from 'node:fs/promises';
import test from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import {
  addNote,
  commitGeneration,
  isInstalled,
  listGenerations,
  moveRoles,
  readGeneration,
  readRoles,
  refreshView,
  verifyRepository,
} from '../../pkg/state/index.ts';
import { watchedHost } from '../helpers/counting-host.ts';
import { advance, content, git, locked, temporaryState, withClock } from './samples.ts';

test('a generation is committed, switched to and read back', async (t) => {
  const state = await temporaryState(t);
  const { host } = withClock('2026-11-21T10:00:00Z');
  t.false(await isInstalled(host, state));
  t.deepEqual(await listGenerations(host, state), []);
  const made = await advance(host, state, 'one');
  t.true(await isInstalled(host, state));
  const read = await readGeneration(host, state, 'current');
  const { system, files, trailers } = content('one');
  t.deepEqual(read, { ...made, system, files } as never);
  t.deepEqual(
    {
      number: read.number,
      summary: read.summary,
      trailers: read.trailers,
      time: read.time,
      parent: read.parent,
    },
    { number: 1, summary: 'hostfs one', trailers, time: new Date('2026-11-21T10:00:00Z'), parent: undefined },
  );
  t.deepEqual(await readGeneration(host, state, 1), read);
  t.deepEqual(await readGeneration(host, state, made.commit), read);
});

test('git itself is content with what is there', async (t) => {
  const state = await temporaryState(t);
  const clock = withClock('2026-11-21T10:00:00Z');
  for (const text of ['one', 'two', 'three']) await advance(clock.host, state, text);
  const [newest] = await listGenerations(clock.host, state);
  {
    await using lock = await locked(clock.host, state);
    await addNote(clock.host, lock, newest?.commit ?? '', { kind: 'bad', reason: 'no\nlogin prompt' });
    await refreshView(clock.host, lock);
  }
  t.is(await git(state, 'fsck', '--full', '--strict', '--no-dangling'), '');
  t.is(
    await git(state, 'log', '--format=%an <%ae> %aI %s%n%(trailers:only)', '-1'),
    'machine <root@machine.local> 2026-11-21T10:00:00+00:00 generation 3: hostfs three\nRelease: 1\nSecurity-Version: 0\nReason: test',
  );
  t.is(
    await git(state, 'log', '--oneline', '--format=%s'),
    'generation 3: hostfs three\ngeneration 2: hostfs two\ngeneration 1: hostfs one',
  );
  t.is(await git(state, 'status', '--porcelain'), '');
  t.is(await git(state, 'branch', '--show-current'), 'main');
  t.is(
    await git(state, 'notes', '--ref=mos', 'show', 'generation-3'),
    '2026-11-21T10:00:00Z bad: no login prompt',
  );
  t.is(await git(state, 'show', 'generation-2:manifest.yaml'), content('two').system.trimEnd());
  t.is(await git(state, 'rev-parse', 'refs/mos/current'), newest?.commit ?? '');
  await git(state, 'bisect', 'start', 'generation-3', 'generation-1');
  t.regex(
    await git(state, 'bisect', 'run', 'sh', '-c', '! grep -q two *.yaml'),
    /[0-9a-f]{40} is the first bad commit/,
  );
});

test('the view for people follows, and leaves alone what is right', async (t) => {
  const state = await temporaryState(t);
  await advance(linuxHost, state, 'one');
  await advance(linuxHost, state, 'two');
  await using lock = await locked(linuxHost, state);
  await refreshView(linuxHost, lock);
  await writeFile(`${state.repository}/manifest.yaml`, 'hacked');
  t.is(
    (await readGeneration(linuxHost, state, 'current')).system,
    content('two').system,
    'nobody reads the view',
  );
  await refreshView(linuxHost, lock);
  t.is(await git(state, 'status', '--porcelain'), '');
  const inode = (await linuxHost.files.stat(`${state.git}/index`))?.inode;
  await refreshView(linuxHost, lock);
  t.is((await linuxHost.files.stat(`${state.git}/index`))?.inode, inode);
});

test('objects in packs and refs in packed-refs are read, and writing goes on', async (t) => {
  const state = await temporaryState(t);
  for (const text of ['one', 'two', 'three']) await advance(linuxHost, state, text);
  const before = await listGenerations(linuxHost, state);
  const generation = await readGeneration(linuxHost, state, 2);
  {
    await using lock = await locked(linuxHost, state);
    await addNote(linuxHost, lock, generation.commit, { kind: 'pinned', reason: 'keep' });
  }
  await git(state, 'gc', '--quiet', '--prune=now');
  t.deepEqual(
    (await linuxHost.files.list(`${state.git}/objects`)).filter((name) => name.length === 2),
    [],
  );
  t.deepEqual(await readGeneration(linuxHost, state, 2), generation);
  t.deepEqual((await listGenerations(linuxHost, state))[0], before[0]);
  t.true((await listGenerations(linuxHost, state))[1]?.isPinned);
  t.deepEqual(await verifyRepository(linuxHost, state), { objects: 3 + 3 + 3 * 3 + 1 + 3, problems: [] });
  t.is((await advance(linuxHost, state, 'four')).number, 4);
  t.is((await readGeneration(linuxHost, state, 'current')).summary, 'hostfs four');
  t.is(await git(state, 'fsck', '--full', '--strict', '--no-dangling'), '');
});

test('a rollback is a new generation with the old tree', async (t) => {
  const state = await temporaryState(t);
  const one = await advance(linuxHost, state, 'one');
  await advance(linuxHost, state, 'two');
  const back = await advance(linuxHost, state, 'one', 'current', { summary: 'back to generation 1' });
  t.is(back.number, 3);
  t.is(back.tree, one.tree);
  t.is(await git(state, 'diff', 'generation-1', 'generation-3'), '');
});

test('a generation that was committed and never used is taken up again, another one gets a new number', async (t) => {
  const state = await temporaryState(t);
  await advance(linuxHost, state, 'one');
  await using lock = await locked(linuxHost, state);
  const made = await commitGeneration(linuxHost, lock, content('two'));
  t.deepEqual(await commitGeneration(linuxHost, lock, content('two')), made);
  t.is((await commitGeneration(linuxHost, lock, content('three'))).number, 3);
  const used = await commitGeneration(linuxHost, lock, content('three'));
  t.is(used.number, 3);
  await moveRoles(linuxHost, lock, [{ role: 'next', from: undefined, to: used.commit }]);
  t.is((await commitGeneration(linuxHost, lock, content('three'))).number, 4);
  await addNote(linuxHost, lock, (await readGeneration(linuxHost, state, 4)).commit, {
    kind: 'bad',
    reason: '',
  });
  t.is((await commitGeneration(linuxHost, lock, content('three'))).number, 5);
});

test('numbers grow over a lost tag and over commits of other people', async (t) => {
  const state = await temporaryState(t);
  await advance(linuxHost, state, 'one');
  await advance(linuxHost, state, 'two');
  await git(state, 'update-ref', '-d', 'refs/tags/generation-2');
  await git(
    state,
    '-c',
    'user.name=x',
    '-c',
    'user.email=x',
    'commit',
    '--quiet',
    '--allow-empty',
    '-m',
    'mine',
  );
  t.is((await advance(linuxHost, state, 'three')).number, 3);
  t.deepEqual(
    (await listGenerations(linuxHost, state)).map(({ number }) => number),
    [3, 2, 1],
  );
  await git(state, 'update-ref', '-d', 'refs/tags/generation-3');
  t.is((await advance(linuxHost, state, 'four')).number, 4);
  t.is(await git(state, 'log', '-1', '--format=%s', 'generation-3'), 'generation 3: hostfs three');
});

test('the newest generation is found by its number where a kill prevented its tag', async (t) => {
  const state = await temporaryState(t);
  await advance(linuxHost, state, 'one');
  const two = await advance(linuxHost, state, 'two');
  await git(state, 'update-ref', '-d', 'refs/tags/generation-2');
  t.is((await readGeneration(linuxHost, state, 2)).commit, two.commit);
  await t.throwsAsync(readGeneration(linuxHost, state, 3), {
    message: `cannot find generation 3 in ${state.repository}`,
  });
});

test('roles move only from what they were', async (t) => {
  const state = await temporaryState(t);
  const one = await advance(linuxHost, state, 'one');
  const two = await advance(linuxHost, state, 'two', 'next');
  await using lock = await locked(linuxHost, state);
  const before = await readRoles(linuxHost, state);
  await t.throwsAsync(
    moveRoles(linuxHost, lock, [{ role: 'current', from: two.commit, to: two.commit.replace(/./g, '1') }]),
  );
  for (const from of [undefined, two.commit])
    await t.throwsAsync(
      moveRoles(linuxHost, lock, [
        { role: 'good', from: undefined, to: one.commit },
        { role: 'current', from, to: two.commit === from ? one.commit : two.commit },
      ]),
      { message: 'cannot move refs/mos/good, refs/mos/current: it was moved by somebody else' },
    );
  t.deepEqual(await readRoles(linuxHost, state), before);
  await moveRoles(linuxHost, lock, [
    { role: 'current', from: one.commit, to: two.commit },
    { role: 'next', from: two.commit, to: undefined },
  ]);
  t.deepEqual(await readRoles(linuxHost, state), { current: two.commit });
});

test('the order of the history survives a clock that went back', async (t) => {
  const state = await temporaryState(t);
  const clock = withClock('2026-11-21T10:00:00Z');
  await advance(clock.host, state, 'one');
  clock.set('1970-01-01T00:00:01Z');
  t.deepEqual((await advance(clock.host, state, 'two')).time, new Date('2026-11-21T10:00:00Z'));
});

test('what could break a commit message is refused before anything is written', async (t) => {
  const state = await temporaryState(t);
  await using lock = await locked(linuxHost, state);
  const write = (given: object) => commitGeneration(linuxHost, lock, content('one', given));
  await t.throwsAsync(write({ summary: 'a\nRelease: 9' }), {
    message: 'cannot write "generation 1: a\\nRelease: 9" into a commit',
  });
  await t.throwsAsync(write({ trailers: [['Reason', 'a\nRelease: 9']] }), {
    message: 'cannot write "Reason: a\\nRelease: 9" into a commit',
  });
  t.deepEqual(await listGenerations(linuxHost, state), []);
});

test('names of objects are durable before a ref uses them, and the ref is before it counts', async (t) => {
  const state = await temporaryState(t);
  await advance(linuxHost, state, 'one');
  const log: string[] = [];
  const watched = watchedHost(linuxHost, (name, [what]) => {
    const path = Array.isArray(what) ? what.find((word) => /^[a-z]+-[a-z]+$/.test(word)) : String(what);
    log.push(`${name.split('.')[1]} ${String(path).replace(`${state.git}/`, '')}`);
  });
  const made = await advance(watched, state, 'two');
  const objects = await git(
    state,
    'rev-list',
    '--objects',
    '--no-object-names',
    made.commit,
    '--not',
    'generation-1',
  );
  const folders = [...new Set(objects.split('\n').map((id) => `syncFolder objects/${id.slice(0, 2)}`))];
  const [main = -1, role = -1] = log.flatMap((entry, at) => (entry === 'run update-ref' ? [at] : []));
  const before = log.slice(log.indexOf('run unpack-objects'), main);
  for (const folder of [...folders, 'syncFolder objects']) t.true(before.includes(folder), folder);
  t.deepEqual(log.slice(main + 1, role), [
    'syncFolder refs/heads',
    'syncFolder refs/tags',
    'syncFolder refs',
  ]);
  t.deepEqual(log.slice(role + 1), ['syncFolder refs/mos', 'syncFolder refs']);
});
