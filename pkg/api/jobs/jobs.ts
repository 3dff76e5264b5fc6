import { randomBytes } from 'node:crypto';
import { codeOf, hintOf, isMosError, MosError, messageOf } from '../../errors/index.ts';
import { type Host, readText, sweepTemporary, writeAtomic } from '../../host/index.ts';
import type { Progress, Report } from '../../steps/index.ts';
import { interruptedJob, type Job, jobSchema, withProgress } from './job.ts';

export type Work = (report: Report, signal: AbortSignal) => Promise<unknown>;
export type JobEvent =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'job'; readonly job: Job };

export type Jobs = {
  /** `busy` while another one is at work: they would wait for the same locks. */
  start(operation: string, who: string, work: Work): Promise<Job>;
  list(): readonly Job[];
  /** `not-found` where there is none. */
  get(id: string): Job;
  cancel(id: string): Job;
  /** From now on; ends with the job, its last state last. */
  events(id: string): AsyncIterable<JobEvent>;
  /** Stops what is at work, and waits for it. */
  stop(): Promise<void>;
};

const kept = 50;

type Live = {
  job: Job;
  readonly stopping: AbortController;
  readonly listeners: Set<(event: JobEvent) => void>;
  ended: Promise<void>;
};

/** Jobs are files in `folder`, so that a daemon that was killed finds out what it had begun. */
export async function openJobs(
  host: Host,
  folder: string,
  generation: () => Promise<number | null>,
  tell: (line: string) => void = () => {},
): Promise<Jobs> {
  await host.files.makeFolder(folder, { parents: true, mode: 0o700 });
  await sweepTemporary(host, folder);
  const time = (): string => host.clock.now().toISOString();
  const write = (job: Job): Promise<void> =>
    writeAtomic(host, `${folder}/${job.id}.json`, `${JSON.stringify(job)}\n`, { mode: 0o600 });
  const old = await readJobs(host, folder);
  const known = new Map<string, Job>();
  for (const job of old) {
    const now = job.state === 'running' ? interruptedJob(job, await generation(), time()) : job;
    // Where the disk is full it stays as it is, and is told anew after the next start.
    if (now !== job) await write(now).catch(() => {});
    known.set(job.id, now);
  }
  let live: Live | undefined;

  const end = async (one: Live, last: Partial<Job>): Promise<void> => {
    const job = { ...one.job, ...last, ended: time() };
    // On the disk before anybody is told.
    await write(job).catch(() => {});
    one.job = job;
    known.set(job.id, job);
    tell(
      `mos-job-ended ${wordsOf(job)} state=${job.state}${job.error === null ? '' : ` code=${job.error.code}`}`,
    );
    if (live === one) live = undefined;
    for (const listener of one.listeners) listener({ kind: 'job', job: one.job });
  };
  const perform = async (one: Live, work: Work): Promise<void> => {
    const { signal } = one.stopping;
    const report: Report = (progress) => {
      one.job = withProgress(one.job, progress);
      known.set(one.job.id, one.job);
      for (const listener of one.listeners) listener({ kind: 'progress', progress });
      // As a signal on the command line: at the next step or piece of data; notes are said while undoing.
      if (progress.kind !== 'note') signal.throwIfAborted();
    };
    try {
      const result = await work(report, signal);
      await end(one, { state: 'done', result: result ?? null });
    } catch (error) {
      await end(one, signal.aborted ? cancelled(one.job) : { state: 'failed', error: errorOf(error) });
    }
  };
  const get = (id: string): Job => {
    const job = known.get(id);
    if (job === undefined) throw new MosError('not-found', `cannot find the job ${id}`);
    return job;
  };
  return {
    async start(operation, who, work) {
      if (live !== undefined) throw busy(live.job);
      const job: Job = {
        ...{ id: randomBytes(8).toString('hex'), operation, who, state: 'running', started: time() },
        ...{ ended: null, step: null, bytes: null, notes: [], before: null, result: null, error: null },
      };
      const one: Live = {
        job,
        stopping: new AbortController(),
        listeners: new Set(),
        ended: Promise.resolve(),
      };
      live = one;
      try {
        one.job = { ...job, before: await generation() };
        // On the disk before it is listed: who has seen it finds it after a kill too.
        await write(one.job);
        known.set(job.id, one.job);
      } catch (error) {
        live = undefined;
        throw error;
      }
      const first = one.job;
      tell(`mos-job-began ${wordsOf(first)}`);
      one.ended = perform(one, work);
      await forget(host, folder, known);
      return first;
    },
    list: () => [...known.values()].toSorted((a, b) => (a.started < b.started ? 1 : -1)),
    get,
    cancel(id) {
      const job = get(id);
      if (live?.job.id !== id) throw new MosError('state', `cannot cancel the job ${id}: it is ${job.state}`);
      live.stopping.abort(new MosError('interrupted', `cannot finish ${job.operation}: it was cancelled`));
      return job;
    },
    events: (id) => eventsOf(get(id), live?.job.id === id ? live : undefined),
    async stop() {
      live?.stopping.abort(new MosError('interrupted', 'cannot finish: the daemon is being stopped'));
      await live?.ended;
    },
  };
}

/** For the journal: a stable id, then words that a program can read. */
const wordsOf = ({ id, operation, who }: Job): string =>
  `job=${id} operation=${operation} who=${JSON.stringify(who)}`;

const busy = (job: Job): MosError =>
  new MosError('busy', `cannot begin: ${job.operation} of ${job.who} is at work`, {
    hint: `wait for its job ${job.id}, or cancel it`,
  });

const errorOf = (error: unknown): Job['error'] => ({
  code: codeOf(error),
  message: messageOf(error),
  hint: hintOf(error) ?? null,
});

const cancelled = ({ operation }: Job): Partial<Job> => ({
  state: 'cancelled',
  error: { code: 'interrupted', message: `cannot finish ${operation}: it was cancelled`, hint: null },
});

const isCount = (event: JobEvent | undefined): boolean =>
  event?.kind === 'progress' && event.progress.kind === 'bytes';

async function* eventsOf(job: Job, live: Live | undefined): AsyncGenerator<JobEvent, void, undefined> {
  if (live === undefined) {
    yield { kind: 'job', job };
    return;
  }
  const queue: JobEvent[] = [];
  let wake: (() => void) | undefined;
  const listener = (event: JobEvent): void => {
    // A count that nobody has read yet is over with the next one: who reads slowly doesn't fill the memory.
    if (isCount(event) && isCount(queue.at(-1))) queue.pop();
    queue.push(event);
    wake?.();
  };
  live.listeners.add(listener);
  try {
    yield { kind: 'job', job: live.job };
    if (live.job.state !== 'running' && queue.length === 0) return;
    for (;;) {
      const event = queue.shift();
      if (event === undefined)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      else {
        yield event;
        if (event.kind === 'job') return;
      }
    }
  } finally {
    live.listeners.delete(listener);
  }
}

async function readJobs(host: Host, folder: string): Promise<Job[]> {
  const jobs: Job[] = [];
  for (const name of await host.files.list(folder)) {
    if (!/^[0-9a-f]{16}\.json$/.test(name)) continue;
    try {
      const job = jobSchema.check(JSON.parse(await readText(host, `${folder}/${name}`)), name);
      if (`${job.id}.json` === name) jobs.push(job);
    } catch (error) {
      const isNone =
        error instanceof SyntaxError || isMosError(error, 'invalid') || isMosError(error, 'usage');
      if (!isNone) throw error;
    }
  }
  return jobs;
}

/** The oldest go. */
async function forget(host: Host, folder: string, known: Map<string, Job>): Promise<void> {
  const over = [...known.values()]
    .filter(({ state }) => state !== 'running')
    .toSorted((a, b) => (a.started < b.started ? 1 : -1))
    .slice(kept);
  for (const { id } of over) {
    known.delete(id);
    await host.files.remove(`${folder}/${id}.json`);
  }
}
