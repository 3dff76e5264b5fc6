import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { mosctl } from './cli.ts';
import { startDaemon } from './daemon.ts';
import { call, events } from './unix-http.ts';

/** A job as the daemon tells of it. */
export type Job = {
  readonly id: string;
  readonly operation: string;
  readonly state: string;
  readonly before: number;
  readonly result: unknown;
  readonly error: { readonly message: string } | null;
};

export type Daemon = { readonly program: readonly string[]; readonly options?: readonly string[] };

/** A call that begins a job. */
export type Kind<M extends { readonly root: string }> = {
  readonly path: string;
  /** Makes what the call needs, anew each time; gives its body, where it has one. */
  prepare(machine: M, socket: string, round: number): Promise<object | undefined>;
  /** How the job ends that nobody stops; done unless told. */
  readonly ends?: { readonly state: 'failed'; readonly message: RegExp };
  /** Of a job without progress: it is killed so many milliseconds later in each round, and not one event later. */
  readonly pause?: number;
  /** What must be so when the same call has ended what was begun. */
  after?(t: ExecutionContext, machine: M, what: string): void;
};

export const jobOf = async (socket: string, id: string): Promise<Job> =>
  JSON.parse((await call(socket, 'GET', `/v1/jobs/${id}`)).body);

/** Begins a job and waits for it. */
export async function finish(socket: string, path: string, body?: object): Promise<Job> {
  const begun = await begin(socket, path, body);
  if ('status' in begun) throw new Error(`${path}: ${JSON.stringify(begun)}`);
  for await (const _ of events(socket, `/v1/jobs/${begun.id}/events`));
  return jobOf(socket, begun.id);
}

/** The job, also where the answer names none (204); else the problem. */
async function begin(socket: string, path: string, body?: object): Promise<Job | { status: number }> {
  const answer = await call(socket, 'POST', path, body);
  return JSON.parse(answer.status === 204 ? await newest(socket, '/v1/jobs') : answer.body);
}

const newest = async (socket: string, path: string): Promise<string> => {
  const [first] = JSON.parse((await call(socket, 'GET', path)).body);
  return JSON.stringify(first);
};

/** Waits until the round's moment in the life of a job; true where the job ended before. */
export async function reach(
  socket: string,
  { id }: Job,
  { pause }: { readonly pause?: number },
  round: number,
): Promise<boolean> {
  if (pause !== undefined) {
    await sleep(round * pause);
    return (await jobOf(socket, id)).state !== 'running';
  }
  let seen = 0;
  for await (const event of events(socket, `/v1/jobs/${id}/events`)) {
    if (event.kind === 'job' && (event.data as Job).state !== 'running') return true;
    if (seen++ === round) return false;
  }
  return true;
}

/**
 * Kills the daemon at the moment with this number; afterwards the machine is in one of its states, the job says what became
 * of it, and the same call ends what was begun. True where the job ended before.
 */
export async function killAt<M extends { readonly root: string }>(
  t: ExecutionContext,
  daemon: Daemon,
  machine: M,
  kind: Kind<M>,
  round: number,
): Promise<boolean> {
  const start = () => startDaemon(t, daemon.program, machine.root, daemon.options);
  const first = await start();
  const body = await kind.prepare(machine, first.socket, round);
  const begun = await begin(first.socket, kind.path, body);
  if ('status' in begun) {
    t.fail(JSON.stringify(begun));
    return true;
  }
  const ended = once(first.process, 'close');
  const isOver = await reach(first.socket, begun, kind, round);
  first.process.kill('SIGKILL');
  await ended;

  const second = await start();
  const job = await jobOf(second.socket, begun.id);
  const { generation } = JSON.parse(await newest(second.socket, '/v1/history?most=1'));
  const what = `${begun.operation}, killed at moment ${round}`;
  const { state = 'done', message = /^/ } = kind.ends ?? {};
  t.true(['interrupted', state].includes(job.state), `${what}: ${JSON.stringify(job)}`);
  if (job.state === 'interrupted')
    t.is(job.error?.message.includes(`generation ${generation} was written`), generation > job.before, what);
  const { exit, stdout, stderr } = await mosctl(machine.root, 'verify');
  t.is(exit, 0, `${what}: ${stdout}${stderr}`);
  // The lock went with the process; the same call goes through.
  const again = await begin(second.socket, kind.path, body);
  if ('status' in again)
    t.true([404, 409].includes(again.status), `${what}, again: ${JSON.stringify(again)}`);
  else {
    for await (const _ of events(second.socket, `/v1/jobs/${again.id}/events`));
    const last = await jobOf(second.socket, again.id);
    t.is(last.state, state, `${what}, again: ${JSON.stringify(last)}`);
    t.regex(last.error?.message ?? '', message, what);
  }
  kind.after?.(t, machine, what);
  second.process.kill('SIGKILL');
  await once(second.process, 'close');
  return isOver;
}

/** From its first moment to that at which it is over. */
export async function killAtEach<M extends { readonly root: string }>(
  t: ExecutionContext,
  daemon: Daemon,
  machine: M,
  kind: Kind<M>,
): Promise<void> {
  let round = 0;
  while (round < 60 && !(await killAt(t, daemon, machine, kind, round))) round++;
  t.log(`killed at ${round} moments`);
  t.true(round > 0 && round < 60, `${round} moments`);
}
