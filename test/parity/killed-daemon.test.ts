import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { makeApiMachine } from '../helpers/api.ts';
import { mosctl } from '../helpers/cli.ts';
import { programs, startDaemon } from '../helpers/daemon.ts';
import { installFrom } from '../helpers/machine.ts';
import { call, events } from '../helpers/unix-http.ts';
import { addImage, publishRelease } from '../helpers/vendor.ts';

// kill -9 of the daemon at each event of each kind of job: afterwards the machine is in one of its states, the job says
// what became of it, and the same call ends what was begun.

type Job = {
  readonly id: string;
  readonly operation: string;
  readonly state: string;
  readonly before: number;
  readonly result: unknown;
  readonly error: { readonly message: string } | null;
};

async function makeMachine(t: ExecutionContext) {
  const machine = await makeApiMachine(t);
  const { vendor, root } = machine;
  for (const [name, text] of [
    ['h1', 'one'],
    ['d1', 'one'],
    ['d2', 'two'],
  ] as const)
    await addImage(vendor, name, { text });
  const release = async (number: number, host: string, data: string): Promise<string> => {
    const { reference } = await publishRelease(vendor, {
      name: `machine/install:${number}`,
      manifest: `update_type: complete
release: ${number}
targets:
  - {service_name: hostfs, source: "oci:${vendor.images}:${host}", version: "${host}", service_type: hostfs}
  - {service_name: data, source: "oci:${vendor.images}:${data}", version: "${data}", service_type: fs-only}
`,
    });
    return reference;
  };
  await installFrom(root, await release(1, 'h1', 'd1'));
  return { root, release };
}

type Machine = Awaited<ReturnType<typeof makeMachine>>;
type Kind = {
  readonly path: string;
  /** Makes what the call needs, anew each time; gives its body, where it has one. */
  prepare(machine: Machine, socket: string, round: number): Promise<object | undefined>;
};

/** Only what needs no reboot changes: an update that waits for one lets no other begin. */
const even = (round: number): readonly ['h1', 'd1' | 'd2'] => ['h1', round % 2 === 0 ? 'd2' : 'd1'];
const setSource = async (machine: Machine, socket: string, round: number): Promise<void> => {
  const reference = await machine.release(100 + round, ...even(round));
  await call(socket, 'POST', '/v1/updates/source', { reference });
};
const finished = async (socket: string, path: string): Promise<void> => {
  const { id } = JSON.parse((await call(socket, 'POST', path)).body);
  for await (const _ of events(socket, `/v1/jobs/${id}/events`));
};

const kinds: Readonly<Record<string, Kind>> = {
  update: {
    path: '/v1/update',
    prepare: async (machine, _socket, round) => ({
      reference: await machine.release(2 + round, ...even(round)),
    }),
  },
  rollback: { path: '/v1/rollback', prepare: async (_machine, _socket, round) => ({ to: 1 + (round % 2) }) },
  verify: { path: '/v1/verify', prepare: async () => undefined },
  gc: { path: '/v1/gc', prepare: async () => ({}) },
  refresh: {
    path: '/v1/updates/check',
    async prepare(machine, socket, round) {
      await setSource(machine, socket, round);
      return undefined;
    },
  },
  prepare: {
    path: '/v1/updates/prepare',
    async prepare(machine, socket, round) {
      await setSource(machine, socket, 50 + round);
      await finished(socket, '/v1/updates/check');
      return undefined;
    },
  },
  activate: {
    path: '/v1/updates/activate',
    async prepare(machine, socket, round) {
      await setSource(machine, socket, 200 + round);
      await finished(socket, '/v1/updates/check');
      await finished(socket, '/v1/updates/prepare');
      return undefined;
    },
  },
};

const newest = async (socket: string): Promise<number> =>
  JSON.parse((await call(socket, 'GET', '/v1/history?most=1')).body)[0].generation;

/** Kills the daemon at the event with this number; true where the job ended before. */
async function killAt(t: ExecutionContext, machine: Machine, kind: Kind, round: number): Promise<boolean> {
  const first = await startDaemon(t, programs.executable, machine.root);
  const body = await kind.prepare(machine, first.socket, round);
  const answer = await call(first.socket, 'POST', kind.path, body);
  t.is(answer.status, 202, answer.body);
  const begun: Job = JSON.parse(answer.body);
  let seen = 0;
  let isOver = false;
  const ended = once(first.process, 'close');
  for await (const event of events(first.socket, `/v1/jobs/${begun.id}/events`)) {
    isOver = event.kind === 'job' && (event.data as Job).state !== 'running';
    if (isOver || seen++ < round) continue;
    first.process.kill('SIGKILL');
  }
  if (isOver) first.process.kill('SIGKILL');
  await ended;

  const second = await startDaemon(t, programs.executable, machine.root);
  const job: Job = JSON.parse((await call(second.socket, 'GET', `/v1/jobs/${begun.id}`)).body);
  const now = await newest(second.socket);
  const what = `${begun.operation}, killed at event ${round}`;
  t.true(['interrupted', 'done'].includes(job.state), `${what}: ${JSON.stringify(job)}`);
  if (job.state === 'interrupted')
    t.is(job.error?.message.includes(`generation ${now} was written`), now > job.before, what);
  const { exit, stdout, stderr } = await mosctl(machine.root, 'verify');
  t.is(exit, 0, `${what}: ${stdout}${stderr}`);
  // The lock went with the process; the same call goes through.
  const again = JSON.parse((await call(second.socket, 'POST', kind.path, body)).body);
  if (again.id !== undefined) {
    for await (const _ of events(second.socket, `/v1/jobs/${again.id}/events`));
    const last: Job = JSON.parse((await call(second.socket, 'GET', `/v1/jobs/${again.id}`)).body);
    t.is(last.state, 'done', `${what}, again: ${JSON.stringify(last)}`);
  } else t.true([404, 409].includes(again.status), `${what}, again: ${JSON.stringify(again)}`);
  second.process.kill('SIGKILL');
  await once(second.process, 'close');
  return isOver;
}

for (const [name, kind] of Object.entries(kinds))
  test.serial(`a daemon that is killed at any event of ${name} leaves a machine that is well`, async (t) => {
    const machine = await makeMachine(t);
    if (name === 'rollback') await installSecond(machine);
    for (let round = 0; !(await killAt(t, machine, kind, round)) && round < 40; round++);
  });

async function installSecond({ root, release }: Machine): Promise<void> {
  const { exit, stderr } = await mosctl(root, 'update', await release(2, 'h1', 'd2'));
  if (exit !== 0) throw new Error(stderr);
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
      const job: Job = JSON.parse((await call(socket, 'GET', `/v1/jobs/${begun.id}`)).body);
      t.true(['cancelled', 'done'].includes(job.state), `event ${round}: ${JSON.stringify(job)}`);
      const { exit, stdout, stderr } = await mosctl(machine.root, 'verify');
      t.is(exit, 0, `event ${round}: ${stdout}${stderr}`);
      const again: Job = JSON.parse((await call(socket, 'POST', '/v1/update', body)).body);
      for await (const _ of events(socket, `/v1/jobs/${again.id}/events`));
      const last: Job = JSON.parse((await call(socket, 'GET', `/v1/jobs/${again.id}`)).body);
      t.is(last.state, 'done', `event ${round}, again: ${JSON.stringify(last)}`);
    }
  },
);
