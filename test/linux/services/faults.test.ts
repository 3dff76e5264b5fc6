import { readFileSync, statSync } from 'node:fs';
import test from 'ava';
import { linuxHost as host } from '../../../pkg/host/linux/index.ts';
import { machinePaths } from '../../../pkg/system/index.ts';
import { executable } from '../../helpers/sandbox.ts';
import { makeServices, type ServiceMachine, until } from '../../helpers/services.ts';

const serve = 'mkdir -p /tmp/w; echo hello > /tmp/w/index.html; exec busybox httpd -f -p 80 -h /tmp/w';
const fetch = ['curl', '--silent', '--show-error', '--max-time', '5'] as const;

type State = { readonly name: string; readonly state: string; readonly restarts: number };
const states = (machine: ServiceMachine): State[] =>
  (JSON.parse(machine.must('ps', '--json')) as { services: State[] }).services;

test.serial('a service is reached at the loopback addresses of the host, IPv4 and IPv6', async (t) => {
  t.timeout(120_000);
  const network = '{ type: simple, ports: [{ host: 8080, container: 80 }] }';
  const machine = await makeServices(t, { web: { script: serve, network } });
  t.is(machine.activate('web').err, '');
  const url = 'http://127.0.0.1:8080';
  await until('the first answer', () => machine.sandbox.run(...fetch, url).status === 0);
  t.is(machine.sandbox.must(...fetch, 'http://localhost:8080'), 'hello\n');
  t.deepEqual(machine.sandbox.run(...fetch, 'http://[::1]:8080'), { status: 0, out: 'hello\n', err: '' });
});

test.serial(
  'rules, names and the bridge that somebody took away are there again after an activate',
  async (t) => {
    t.timeout(120_000);
    const network = '{ type: simple, ports: [{ host: 8080, container: 80 }] }';
    const machine = await makeServices(t, {
      web: { script: serve, network },
      other: { script: serve, network: '{ type: simple }' },
    });
    const { sandbox } = machine;
    for (const name of ['web', 'other']) t.is(machine.activate(name).err, '');
    const asks = () => sandbox.run(...fetch, 'http://127.0.0.1:8080').out;
    await until('the first answer', () => asks() === 'hello\n');
    const process = () => JSON.parse(machine.must('ps', '--json')).services[0].process;
    const before = process();
    const rules = sandbox.must('/usr/sbin/nft', 'list', 'ruleset');

    sandbox.must('/usr/sbin/nft', 'flush', 'ruleset');
    sandbox.must('ip', 'link', 'delete', 'lxcbr0');
    const server = sandbox.must('ss', '-Hlunp').match(/"dnsmasq",pid=(\d+)/)?.[1] ?? '';
    sandbox.run('kill', server);
    t.not(asks(), 'hello\n');
    t.is(machine.activate('web').err, '');

    t.is(sandbox.must('/usr/sbin/nft', 'list', 'ruleset'), rules);
    t.is(asks(), 'hello\n');
    t.is(process(), before, 'the service went on');
    const names = machine.must('exec', 'other', '--', '/bin/busybox', 'nslookup', 'web');
    t.regex(names, /Address: 10\.0\.3\./);
  },
);

test.serial('services that misbehave harm only themselves', async (t) => {
  t.timeout(240_000);
  const forever = 'while :; do busybox sleep 1000; done';
  const machine = await makeServices(t, {
    good: { script: forever },
    deaf: { script: `trap "" TERM; echo deaf; ${forever}` },
    gone: { script: 'busybox sleep 1000 & exit 0', more: ', restart: "no"' },
    loud: { script: 'echo first; exec busybox yes "a line of a service that says too much"' },
  });
  for (const name of ['good', 'deaf', 'gone', 'loud']) t.is(machine.activate(name).err, '', name);
  await until('the end of what was forked', () =>
    states(machine).some(({ name, state }) => name === 'gone' && state === 'ended'),
  );
  const measured = (measure: string): string =>
    machine.sandbox.must(
      'bash',
      '-c',
      `"$@" | ${measure}`,
      'bash',
      executable,
      'logs',
      '--root',
      machine.root,
      'loud',
    );
  await until('the bound of the log', () => measured('head -n 1') !== 'first\n');
  t.true(Number(measured('wc -c')) <= 4 * 1024 * 1024 + 1, 'with the end of the last line');
  const { run } = await machinePaths(host, machine.root);
  const log = () => statSync(`${run}/services/good/lxc.log`).size;
  const before = log();
  t.is(machine.must('exec', 'good', '--', '/bin/busybox', 'echo', 'well'), 'well\n');
  t.is(log(), before, "a look into a service adds nothing to LXC's log");
  // The loud one may have ended at the full log, and come again.
  const others = states(machine).filter(({ name }) => name !== 'loud');
  t.deepEqual(Object.fromEntries(others.map(({ name, state, restarts }) => [name, [state, restarts]])), {
    deaf: ['running', 0],
    gone: ['ended', 0],
    good: ['running', 0],
  });
  for (const name of ['deaf', 'gone', 'loud', 'good']) machine.must('stop', name, '--timeout', '1');
  t.deepEqual(states(machine), []);
});

test.serial('a service whose first process or whose monitor is killed comes again', async (t) => {
  t.timeout(120_000);
  const machine = await makeServices(t, { web: { script: 'exec busybox sleep 1000' } });
  t.is(machine.activate('web').err, '');
  type Full = State & { readonly process: number; readonly lastEnd: unknown };
  const state = () => states(machine)[0] as Full;
  const again = (restarts: number) =>
    until(`start ${restarts}`, () => {
      const now = state();
      return now.restarts === restarts && now.state === 'running' && now;
    });
  process.kill(state().process, 'SIGKILL');
  const second = await again(1);
  t.deepEqual(second.lastEnd, { signal: 9 });
  const monitor = readFileSync(`/proc/${second.process}/stat`, 'utf8').split(' ')[3];
  process.kill(Number(monitor), 'SIGKILL');
  await again(2);
  t.is(machine.must('exec', 'web', '--', '/bin/busybox', 'echo', 'well'), 'well\n');
});
