import test, { type ExecutionContext } from 'ava';
import { finish, type Kind, killAtEach } from '../../helpers/killed-daemon.ts';
import { executable } from '../../helpers/sandbox.ts';
import { makeServices, type ServiceMachine } from '../../helpers/services.ts';

// kill -9 of the daemon while a job of it starts or stops a service.

const script = 'trap "exit 0" TERM; while :; do /bin/busybox sleep 0.1; done';

const states = ({ must }: ServiceMachine): string[] =>
  JSON.parse(must('ps', '--json')).services.map(
    ({ name, state }: { name: string; state: string }) => `${name} ${state}`,
  );
const expect =
  (services: readonly string[]) => (t: ExecutionContext, machine: ServiceMachine, what: string) =>
    t.deepEqual(states(machine), services, what);

const kinds: Readonly<Record<string, Kind<ServiceMachine>>> = {
  restart: {
    path: '/v1/services/web/restart',
    async prepare(_, socket) {
      await finish(socket, '/v1/services/web/stop', {});
      return undefined;
    },
    pause: 60,
    after: expect(['web running']),
  },
  stop: {
    path: '/v1/services/web/stop',
    async prepare(_, socket) {
      await finish(socket, '/v1/services/web/restart');
      return {};
    },
    pause: 40,
    after: expect([]),
  },
};

for (const [name, kind] of Object.entries(kinds))
  test.serial(`a daemon that is killed at any moment of ${name} leaves a machine that is well`, async (t) => {
    const machine = await makeServices(t, { web: { script } });
    const program = ['nsenter', '-t', String(machine.sandbox.pid), '--net', '--mount', '--', executable];
    await killAtEach(t, { program, options: ['--integrity', 'digest'] }, machine, kind);
  });
