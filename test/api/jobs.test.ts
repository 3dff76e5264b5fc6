import { writeFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { type JobEvent, openJobs } from '../../pkg/api/jobs/index.ts';
import { MosError } from '../../pkg/errors/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { temporaryFolder } from '../helpers/folder.ts';

const gather = async (events: AsyncIterable<JobEvent>): Promise<JobEvent[]> => {
  const all: JobEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
};
const untimed = (value: object): unknown =>
  JSON.parse(
    JSON.stringify(value)
      .replaceAll(/"[0-9a-f]{16}"/g, '"ID"')
      .replaceAll(/"20[0-9TZ:.-]+"/g, '"TIME"'),
  );

test('a job tells what it does while it does it, and what came of it', async (t) => {
  const told: string[] = [];
  const tell = (line: string) => void told.push(line.replace(/[0-9a-f]{16}/, 'ID'));
  const jobs = await openJobs(linuxHost, await temporaryFolder(t), async () => 4, tell);
  const go = Promise.withResolvers<void>();
  const { id } = await jobs.start('update', 'alice', async (report) => {
    await go.promise;
    report({ kind: 'step', name: 'fetch', index: 0, count: 2 });
    report({ kind: 'bytes', what: 'data', done: 5, total: 10 });
    report({ kind: 'note', text: 'warning: slow' });
    return { generation: 5 };
  });
  const events = gather(jobs.events(id));
  await t.throwsAsync(
    jobs.start('gc', 'bob', async () => {}),
    {
      code: 'busy',
      message: 'cannot begin: update of alice is at work',
    },
  );
  go.resolve();
  const seen = await events;
  t.deepEqual(
    seen.map((event) => (event.kind === 'progress' ? event.progress.kind : event.job.state)),
    ['running', 'step', 'bytes', 'note', 'done'],
  );
  t.deepEqual(told, [
    'mos-job-began job=ID operation=update who="alice"',
    'mos-job-ended job=ID operation=update who="alice" state=done',
  ]);
  t.deepEqual(untimed(jobs.get(id)), {
    ...{ id: 'ID', operation: 'update', who: 'alice', state: 'done', started: 'TIME', ended: 'TIME' },
    step: { name: 'fetch', index: 0, count: 2 },
    bytes: { what: 'data', done: 5, total: 10 },
    ...{ notes: ['warning: slow'], before: 4, result: { generation: 5 }, error: null },
  });
  t.deepEqual(
    (await gather(jobs.events(id))).map((event) => event.kind),
    ['job'],
  );
});

test('a job is listed once it is on the disk: who saw it finds it after a kill', async (t) => {
  const slow = Promise.withResolvers<void>();
  const syncFolder = async (path: string): Promise<void> => {
    await slow.promise;
    await linuxHost.files.syncFolder(path);
  };
  const host = { ...linuxHost, files: { ...linuxHost.files, syncFolder } };
  const jobs = await openJobs(host, await temporaryFolder(t), async () => 4);
  const begun = jobs.start('update', 'alice', async () => {});
  await setTimeout(20);
  t.deepEqual(jobs.list(), []);
  slow.resolve();
  const { id } = await begun;
  t.deepEqual(
    jobs.list().map((job) => job.id),
    [id],
  );
  await jobs.stop();
});

test('a failure is kept with its code and hint, also over a restart of the daemon', async (t) => {
  const folder = await temporaryFolder(t);
  const jobs = await openJobs(linuxHost, folder, async () => null);
  const { id } = await jobs.start('update', 'alice', async () => {
    throw new MosError('no-space', 'cannot fetch: too little room', { hint: 'gc' });
  });
  await gather(jobs.events(id));
  const again = await openJobs(linuxHost, folder, async () => null);
  t.is(again.get(id).state, 'failed');
  t.deepEqual(again.get(id).error, {
    code: 'no-space',
    message: 'cannot fetch: too little room',
    hint: 'gc',
  });
});

test('a job is cancelled at its next step', async (t) => {
  const jobs = await openJobs(linuxHost, await temporaryFolder(t), async () => null);
  const began = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const { id } = await jobs.start('update', 'alice', async (report) => {
    began.resolve();
    await go.promise;
    report({ kind: 'note', text: 'notes are said also while undoing' });
    report({ kind: 'step', name: 'never done', index: 1, count: 2 });
    t.fail();
  });
  await began.promise;
  jobs.cancel(id);
  const events = gather(jobs.events(id));
  go.resolve();
  await events;
  const { state, error, notes } = jobs.get(id);
  t.deepEqual(
    { state, error, notes },
    {
      state: 'cancelled',
      error: { code: 'interrupted', message: 'cannot finish update: it was cancelled', hint: null },
      notes: ['notes are said also while undoing'],
    },
  );
  t.throws(() => jobs.cancel(id), { code: 'state', message: `cannot cancel the job ${id}: it is cancelled` });
  t.throws(() => jobs.get('0'.repeat(16)), { code: 'not-found' });
});

for (const [what, now, message] of [
  ['had switched', 5, 'cannot tell how update ended: the daemon was stopped; generation 5 was written'],
  ['had not switched', 4, 'cannot finish update: the daemon was stopped, and no generation was written'],
] as const)
  test(`a job whose daemon was killed says what became of it: it ${what}`, async (t) => {
    const folder = await temporaryFolder(t);
    const killed = await openJobs(linuxHost, folder, async () => 4);
    const { id } = await killed.start('update', 'alice', () => new Promise(() => {}));
    const after = await openJobs(linuxHost, folder, async () => now);
    const { state, error } = after.get(id);
    t.deepEqual(
      { state, error },
      {
        state: 'interrupted',
        error: { code: 'interrupted', message, hint: 'the same call again ends what was begun' },
      },
    );
  });

test('where the disk is full the daemon begins all the same', async (t) => {
  const folder = await temporaryFolder(t);
  const killed = await openJobs(linuxHost, folder, async () => 4);
  const { id } = await killed.start('update', 'alice', () => new Promise(() => {}));
  const create = async (): Promise<never> => {
    throw new MosError('no-space', 'cannot create: no space left');
  };
  const full = { ...linuxHost, files: { ...linuxHost.files, create } };
  const after = await openJobs(full, folder, async () => 4);
  t.is(after.get(id).state, 'interrupted');
});

test('who reads slowly gets the newest count of bytes, and not all that were told meanwhile', async (t) => {
  const jobs = await openJobs(linuxHost, await temporaryFolder(t), async () => null);
  const go = Promise.withResolvers<void>();
  const { id } = await jobs.start('update', 'alice', async (report) => {
    await go.promise;
    for (let done = 1; done <= 1000; done++) report({ kind: 'bytes', what: 'a', done });
    report({ kind: 'note', text: 'between' });
    for (let done = 1; done <= 1000; done++) report({ kind: 'bytes', what: 'b', done });
  });
  const events = jobs.events(id)[Symbol.asyncIterator]();
  await events.next();
  go.resolve();
  while (jobs.get(id).state === 'running') await setTimeout(1);
  const rest = await gather({ [Symbol.asyncIterator]: () => events });
  t.deepEqual(
    rest.map((event) => (event.kind === 'progress' ? event.progress : event.job.state)),
    [
      { kind: 'bytes', what: 'a', done: 1000 },
      { kind: 'note', text: 'between' },
      { kind: 'bytes', what: 'b', done: 1000 },
      'done',
    ],
  );
});

test('the newest 50 jobs are kept', async (t) => {
  const folder = await temporaryFolder(t);
  const jobs = await openJobs(linuxHost, folder, async () => null);
  for (let i = 0; i < 60; i++) {
    const { id } = await jobs.start('gc', 'alice', async () => i);
    await gather(jobs.events(id));
  }
  const again = await openJobs(linuxHost, folder, async () => null);
  t.true(again.list().length <= 51);
  t.is(again.list()[0]?.result, 59);
});

test('files that are no jobs are passed over', async (t) => {
  const folder = await temporaryFolder(t);
  const contents = ['', '{}', '[]', 'null', '{"id":"../../x","state":"running"}', '{"state":'];
  for (const [index, content] of contents.entries())
    await writeFile(`${folder}/000000000000000${index}.json`, content);
  const jobs = await openJobs(linuxHost, folder, async () => null);
  t.deepEqual(jobs.list(), []);
});
