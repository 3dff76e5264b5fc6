import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { makeApiMachine } from '../helpers/api.ts';
import { mosctl } from '../helpers/cli.ts';
import { type Daemon, programs, startDaemon } from '../helpers/daemon.ts';
import { finish, type Job, jobOf, type Kind, killAtEach, reach } from '../helpers/killed-daemon.ts';
import { installFrom } from '../helpers/machine.ts';
import { call, events } from '../helpers/unix-http.ts';
import { addImage, publishHostAndData } from '../helpers/vendor.ts';

// kill -9 of the daemon at each event of each kind of job that needs no services; test/linux/services has those of services.

async function makeMachine(t: ExecutionContext) {
  const { vendor, root } = await makeApiMachine(t);
  for (const [name, text] of [
    ['h1', 'one'],
    ['h2', 'two'],
    ['d1', 'one'],
    ['d2', 'two'],
  ] as const)
    await addImage(vendor, name, { text });
  const release = (number: number, host: string, data: string): Promise<string> =>
    publishHostAndData(vendor, number, host, data);
  await installFrom(root, await release(1, 'h1', 'd1'));
  return { root, release };
}

type Machine = Awaited<ReturnType<typeof makeMachine>>;

/** Only what needs no reboot changes: an update that waits for one lets no other begin. */
const even = (round: number): readonly ['h1', 'd1' | 'd2'] => ['h1', round % 2 === 0 ? 'd2' : 'd1'];
const setSource = async (socket: string, reference: string): Promise<void> => {
  const { status, body } = await call(socket, 'POST', '/v1/updates/source', { reference });
  if (status !== 200) throw new Error(body);
};
/** Begins from a source, after some commands. */
const after =
  (first: number, host: 'h1' | 'h2', ...commands: readonly string[]): Kind<Machine>['prepare'] =>
  async ({ release }, socket, round) => {
    await setSource(socket, await release(first + round, host, even(round)[1]));
    for (const command of commands) await finish(socket, `/v1/updates/${command}`);
    return undefined;
  };

const kinds: Readonly<Record<string, Kind<Machine>>> = {
  update: {
    path: '/v1/update',
    prepare: async ({ release }, _, round) => ({ reference: await release(2 + round, ...even(round)) }),
  },
  rollback: { path: '/v1/rollback', prepare: async (_machine, _socket, round) => ({ to: 1 + (round % 2) }) },
  verify: { path: '/v1/verify', prepare: async () => undefined },
  gc: { path: '/v1/gc', prepare: async () => ({}), pause: 2 },
  refresh: { path: '/v1/updates/check', prepare: after(100, 'h1') },
  prepare: { path: '/v1/updates/prepare', prepare: after(100, 'h1', 'check') },
  activate: { path: '/v1/updates/activate', prepare: after(200, 'h1', 'check', 'prepare') },
  'activate for the next boot': {
    path: '/v1/updates/activate',
    async prepare(machine, socket, round) {
      await call(socket, 'POST', '/actions/deactivate-update'); // what the round before left
      await idle(socket);
      return after(200, 'h2', 'check', 'prepare')(machine, socket, round);
    },
  },
  deactivate: { path: '/v1/updates/deactivate', prepare: after(300, 'h2', 'check', 'prepare', 'activate') },
  apply: {
    path: '/v1/updates/apply',
    async prepare(machine, socket, round) {
      await after(400, 'h1')(machine, socket, round);
      return {};
    },
  },
  // A folder can't be rebooted; test/vm reboots.
  reboot: {
    path: '/actions/reboot',
    prepare: async () => undefined,
    pause: 5,
    ends: { state: 'failed', message: /^cannot reboot \S+: it is a folder and no running machine$/ },
  },
};

/** Waits for the job that is at work. */
async function idle(socket: string): Promise<void> {
  const jobs: Job[] = JSON.parse((await call(socket, 'GET', '/v1/jobs')).body);
  const running = jobs.find(({ state }) => state === 'running');
  if (running !== undefined) for await (const _ of events(socket, `/v1/jobs/${running.id}/events`));
}

for (const [name, kind] of Object.entries(kinds))
  test.serial(`a daemon that is killed at any event of ${name} leaves a machine that is well`, async (t) => {
    const machine = await makeMachine(t);
    if (name === 'rollback') await installSecond(machine);
    await killAtEach(t, { program: programs.executable }, machine, kind);
  });

async function installSecond({ root, release }: Machine): Promise<void> {
  const { exit, stderr } = await mosctl(root, 'update', await release(2, 'h1', 'd2'));
  if (exit !== 0) throw new Error(stderr);
}

test.serial('a daemon that is killed while it takes an update back does so afterwards', async (t) => {
  let round = 0;
  while (await killWhileFallingBack(t, round)) round++;
  t.log(`killed at ${round} moments`);
  t.true(round > 0);
});

type Updates = { readonly automatic: { readonly action: string } | null; readonly failed_updates: unknown };
/** Looks until it is so. */
async function until<T>(look: () => Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await look();
    if (isSo(value)) return value;
    await sleep(20);
  }
}

/** False where the job had ended before. */
async function killWhileFallingBack(t: ExecutionContext, round: number): Promise<boolean> {
  const { root, release } = await makeMachine(t);
  writeFileSync(join(root, 'mnt'), 'nothing comes up here');
  const start = () => startDaemon(t, programs.executable, root);
  const kill = async ({ process }: Daemon): Promise<void> => {
    const ended = once(process, 'close');
    process.kill('SIGKILL');
    await ended;
  };
  const maker = await start();
  const { socket } = maker;
  await setSource(socket, await release(2, 'h1', 'd2'));
  await call(socket, 'POST', '/v1/updates/settings', { automatic: true });
  const updates = async (): Promise<Updates> =>
    JSON.parse((await call(socket, 'GET', '/updates/status')).body);
  await until(updates, ({ automatic }) => automatic?.action === 'fall-back');
  await kill(maker);
  // It was given a quarter of an hour, which is over.
  const file = join(root, 'config/mos/upgrade/record.json');
  const record = JSON.parse(readFileSync(file, 'utf8'));
  const since = new Date(Date.now() - 20 * 60_000).toISOString();
  writeFileSync(file, JSON.stringify({ ...record, trial: { ...record.trial, since } }));
  const first = await start();
  const job = async (): Promise<Job | undefined> =>
    (JSON.parse((await call(socket, 'GET', '/v1/jobs')).body) as Job[]).find(
      ({ operation }) => operation === 'fall-back',
    );
  const begun = await until(job, (one) => one !== undefined);
  const isOver = await reach(socket, begun as Job, {}, round);
  await kill(first);

  await start();
  const what = `fall-back, killed at moment ${round}`;
  const before = await jobOf(socket, begun?.id ?? '');
  t.true(['interrupted', 'done'].includes(before.state), `${what}: ${JSON.stringify(before)}`);
  await until(updates, ({ automatic }) => automatic?.action === 'check');
  // A rollback that was killed before its switch is begun anew, as another generation.
  const history: { generation: number; verdict: string | null }[] = JSON.parse(
    (await mosctl(root, 'log', '--json')).stdout,
  );
  t.true([3, 4].includes(history.length), what);
  t.deepEqual(
    history.filter(({ verdict }) => verdict !== null).map(({ generation, verdict }) => [generation, verdict]),
    [[2, 'bad']],
    what,
  );
  const status = JSON.parse((await mosctl(root, 'status', '--json')).stdout);
  t.deepEqual([status.running.generation, status.release], [history.length, 1], what);
  const { exit, stdout, stderr } = await mosctl(root, 'verify');
  t.is(exit, 0, `${what}: ${stdout}${stderr}`);
  return !isOver;
}

test.serial(
  'a job that is cancelled at any event undoes what it began, and the next one goes through',
  async (t) => {
    const machine = await makeMachine(t);
    const { socket } = await startDaemon(t, programs.executable, machine.root);
    for (let round = 0, isOver = false; !isOver && round < 40; round++) {
      const body = { reference: await machine.release(2 + round, ...even(round)) };
      const begun: Job = JSON.parse((await call(socket, 'POST', '/v1/update', body)).body);
      let seen = 0;
      let isCancelled = false;
      for await (const event of events(socket, `/v1/jobs/${begun.id}/events`)) {
        if (event.kind === 'job' || seen++ < round) continue;
        const { status } = await call(socket, 'DELETE', `/v1/jobs/${begun.id}`);
        isCancelled ||= status === 200;
      }
      isOver = !isCancelled;
      const job = await jobOf(socket, begun.id);
      t.true(['cancelled', 'done'].includes(job.state), `event ${round}: ${JSON.stringify(job)}`);
      const { exit, stdout, stderr } = await mosctl(machine.root, 'verify');
      t.is(exit, 0, `event ${round}: ${stdout}${stderr}`);
      const last = await finish(socket, '/v1/update', body);
      t.is(last.state, 'done', `event ${round}, again: ${JSON.stringify(last)}`);
    }
  },
);
