import { spawn } from 'node:child_process';
import { once as happens } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import test from 'ava';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { machinePaths } from '../../../pkg/system/index.ts';
import { updateFrom } from '../../helpers/machine.ts';
import { executable } from '../../helpers/sandbox.ts';
import {
  installReference,
  makeServices,
  publishServices,
  type ServiceMachine,
  type TestService,
  until,
} from '../../helpers/services.ts';

const serve = (text: string, port = 80) =>
  `mkdir -p /tmp/w; echo ${text} > /tmp/w/index.html; exec busybox httpd -f -p ${port} -h /tmp/w`;
/** The first process of a container sees no SIGTERM unless it asks for it: busybox does not. */
const quick = { StopSignal: 'SIGKILL' };
const simple = '{ type: simple, ports: [{ host: 8080, container: 80 }] }';
const http = (port: number, more = '') =>
  `, health: { http: { port: ${port}, path: /index.html }, interval: 1, retries: 1, start_period: 3${more} }`;

async function update(machine: ServiceMachine, services: Readonly<Record<string, TestService>>, tag: string) {
  await publishServices(machine.vendor, services, tag);
  await updateFrom(machine.root, installReference(machine.vendor, tag));
}

const services = (machine: ServiceMachine) =>
  JSON.parse(machine.must('ps', '--json')).services as readonly Record<string, unknown>[];

/** A client that goes on asking; the function ends it and tells what it saw. */
function client(machine: ServiceMachine, url: string) {
  const words = ['-t', String(machine.sandbox.pid), '--net', '--mount', '--', process.execPath];
  const child = spawn('nsenter', [...words, resolve('test/helpers/http-client.ts'), url], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  return async (): Promise<{ answers: Record<string, number>; problems: string[] }> => {
    let text = '';
    child.stdout.on('data', (piece) => {
      text += piece;
    });
    child.stdin.end();
    await happens(child, 'close');
    return JSON.parse(text);
  };
}

test.serial(
  'an update is not noticed by who asks: the new container takes over when it is well',
  async (t) => {
    t.timeout(120_000);
    const web = (text: string, version: string): TestService => ({
      script: serve(text),
      image: quick,
      network: simple,
      more: http(80),
      version,
    });
    const machine = await makeServices(t, { web: web('one', '1') });
    t.is(machine.activate('web').err, '');
    const stop = client(machine, 'http://127.0.0.1:8080/');
    await update(machine, { web: web('two', '2') }, '2.0.0');
    t.is(machine.activate('web').err, '');
    await machine.sandbox.must('curl', '--silent', '--retry', '3', 'http://10.0.3.2/');
    const { answers, problems } = await stop();
    t.deepEqual(problems, []);
    t.deepEqual(Object.keys(answers).sort(), ['one', 'two']);
    t.like(services(machine), [{ name: 'web', version: '2', state: 'running' }]);
    t.is(services(machine).length, 1);
    t.is(machine.must('stop', 'web'), 'web is stopped\n');
    t.is(machine.sandbox.must('/usr/sbin/nft', 'list', 'ruleset'), '');
  },
);

test.serial('a new version that does not become well is held back, and the one before goes on', async (t) => {
  t.timeout(120_000);
  const machine = await makeServices(t, {
    web: { script: serve('one'), image: quick, network: simple, more: http(80) },
  });
  t.is(machine.activate('web').err, '');
  const wrong = { script: serve('two', 81), image: quick, network: simple, more: http(80), version: '2' };
  await update(machine, { web: wrong }, '2.0.0');
  const problem = 'cannot call web well: http port 80 /index.html: nobody listens';
  t.is(machine.activate('web').err, `mosctl: cannot replace web: the one before goes on: ${problem}\n`);
  t.is(machine.sandbox.must('curl', '--silent', 'http://127.0.0.1:8080/'), 'one\n');
  t.like(services(machine), [{ name: 'web', version: '1', state: 'running' }]);
  t.regex(
    machine.must('why', 'web'),
    /\n {2}web 2 is held back since [-0-9: ]{19}: cannot call web well: http port 80 \/index.html: nobody listens; the one before goes on\n/,
  );
  await update(machine, { web: { ...wrong, script: serve('three'), version: '3' } }, '3.0.0');
  t.is(machine.activate('web').err, '');
  t.is(machine.sandbox.must('curl', '--silent', 'http://127.0.0.1:8080/'), 'three\n');
  t.notRegex(machine.must('why', 'web'), /held back/);
});

/** Two of it would meet at one port of the host. */
const once: Pick<TestService, 'network' | 'image'> = { network: '{ type: host }', image: quick };

test.serial(
  'a service that can run only once is stopped first, and put back when the new one fails',
  async (t) => {
    t.timeout(120_000);
    const machine = await makeServices(t, { web: { ...once, script: serve('one', 9100) } });
    t.is(machine.activate('web').err, '');
    await update(machine, { web: { ...once, script: 'exit 5', version: '2' } }, '2.0.0');
    t.is(
      machine.activate('web').err,
      'mosctl: cannot replace web: the one before goes on: cannot call web well: it ended with exit code 5\n',
    );
    t.like(services(machine), [{ name: 'web', version: '1', state: 'running' }]);
    const ask = () => machine.sandbox.run('curl', '--silent', 'http://127.0.0.1:9100/').out;
    await until('the old one', () => ask() === 'one\n');
    await update(machine, { web: { ...once, script: serve('three', 9100), version: '3' } }, '3.0.0');
    t.is(machine.activate('web').err, '');
    await until('the new one', () => ask() === 'three\n');
    const before = services(machine)[0]?.['process'];
    t.is(machine.must('restart', 'web', '--integrity', 'digest'), 'web 3 runs again\n');
    t.not(services(machine)[0]?.['process'], before);
  },
);

test.serial('a service that is no longer well is ended and started again', async (t) => {
  t.timeout(120_000);
  const health =
    ', health: { exec: [/bin/busybox, test, -e, /tmp/well], interval: 1, retries: 2, start_period: 2 }';
  const machine = await makeServices(t, {
    web: { script: 'echo > /tmp/well; exec busybox sleep 1000', more: health },
  });
  t.is(machine.activate('web').err, '');
  machine.must('exec', 'web', '--', '/bin/busybox', 'rm', '/tmp/well');
  const state = await until('another start', () => {
    const [one] = services(machine);
    return one?.['restarts'] === 1 && one['state'] === 'running' && one;
  });
  t.deepEqual(state['lastEnd'], { signal: 9 });
});

test.serial('a service that takes its time to start is not ended meanwhile', async (t) => {
  t.timeout(120_000);
  const health =
    ', health: { exec: [/bin/busybox, test, -e, /tmp/well], interval: 1, retries: 1, start_period: 60 }';
  const machine = await makeServices(t, {
    web: { script: 'busybox sleep 5; echo > /tmp/well; exec busybox sleep 1000', more: health },
    other: { script: 'exec busybox sleep 1000' },
  });
  t.is(machine.activate('other').err, '', 'from now on somebody supervises');
  t.is(machine.activate('web').err, '');
  t.is(services(machine).find(({ name }) => name === 'web')?.['restarts'], 0);
  // A program in it starts at its root, wherever the caller is.
  const pwd = [executable, 'exec', '--root', machine.root, 'web', '--', '/bin/busybox', 'pwd'] as const;
  t.is(machine.sandbox.must('/usr/bin/env', '-C', '/tmp', ...pwd), '/\n');
});

test.serial(
  'a boot starts what is needed first, and leaves out what needs a service that failed',
  async (t) => {
    t.timeout(120_000);
    const wait = (name: string, more = '') => ({
      script: `echo ${name} > /tmp/well; exec busybox sleep 1000`,
      more,
    });
    const health = ', health: { exec: [/bin/busybox, test, -e, /tmp/well] }';
    const machine = await makeServices(t, {
      front: wait('front', ', depends_on: [back]'),
      back: wait('back', health),
      broken: { script: 'true', image: { Entrypoint: ['/bin/nothing'] } },
      late: wait('late', ', depends_on: [broken]'),
    });
    const said = machine.mosctl('boot', '--integrity', 'digest', '--json');
    t.not(said.status, 0);
    const noProgram =
      'cannot start broken: its image has no program /bin/nothing that can be run (No such file or directory)';
    const [{ targets }] = [JSON.parse(said.out)];
    t.deepEqual(
      targets.map(({ name, state, problem }: Record<string, unknown>) => ({ name, state, problem })),
      [
        { name: 'back', state: 'started', problem: null },
        { name: 'broken', state: 'failed', problem: noProgram },
        { name: 'front', state: 'started', problem: null },
        { name: 'late', state: 'failed', problem: `cannot start late: it needs broken (${noProgram})` },
      ],
    );
    const started = (name: string) =>
      String(services(machine).find((one) => one['name'] === name)?.['started']);
    t.true(started('back') < started('front'));
  },
);

const kept = { storage: 'storage:\n  - { label: kept, persistent: true, nsgroup: web, size: 8M }\n' };

const keeping = (text: string, version: string, well = 'true'): TestService => ({
  script: `${well}; ${serve(text)}`,
  image: quick,
  network: simple,
  more: `, storage: [{ dest: /kept, label: kept }], health: { http: { port: 80, path: /index.html }, interval: 1, retries: 1, start_period: 60 }`,
  version,
});

async function updateKeeping(machine: ServiceMachine, service: TestService, tag: string): Promise<void> {
  await publishServices(machine.vendor, { web: service }, tag, kept.storage);
  await updateFrom(machine.root, installReference(machine.vendor, tag));
}

test.serial(
  'who asks a service with a volume while it is updated waits, and is served by the next one',
  async (t) => {
    t.timeout(120_000);
    const machine = await makeServices(t, { web: keeping('one', '1') }, kept);
    t.is(machine.activate('web').err, '');
    await updateKeeping(machine, keeping('two', '2'), '2.0.0');
    const stop = client(machine, 'http://127.0.0.1:8080/');
    await until('somebody asks', () => machine.sandbox.run('pgrep', '-f', 'http-client.ts').status === 0);
    t.is(machine.activate('web').err, '');
    machine.sandbox.must('curl', '--silent', '--retry', '3', 'http://10.0.3.2/');
    const { answers, problems } = await stop();
    // The new one listens a moment after its network is there.
    t.deepEqual(
      [...new Set(problems)].filter((problem) => !problem.includes('ECONNREFUSED')),
      [],
    );
    t.true((answers['two'] ?? 0) > 0);
  },
);

test.serial(
  'an activate that is killed while it replaces a service leaves one of it, the one before',
  async (t) => {
    t.timeout(120_000);
    const machine = await makeServices(t, { web: keeping('one', '1') }, kept);
    t.is(machine.activate('web').err, '');
    await updateKeeping(machine, keeping('two', '2', 'busybox sleep 1000'), '2.0.0');
    const words = ['activate', '-t', 'web', '--root', machine.root, '--integrity', 'digest'];
    machine.sandbox.run('timeout', '-s', 'KILL', '3', executable, ...words);
    const ask = () => machine.sandbox.run('curl', '--silent', '-m', '1', 'http://127.0.0.1:8080/').out;
    await until('the one before', () => ask() === 'one\n');
    t.like(services(machine), [{ name: 'web', version: '1', state: 'running' }]);
    const { run } = await machinePaths(linuxHost, machine.root);
    const all = machine.sandbox.must('pgrep', '-x', 'lxc-start').trim().split('\n');
    const lines = all.map((id) => machine.sandbox.run('cat', `/proc/${id}/cmdline`).out);
    t.is(lines.filter((text) => text.includes(run)).length, 1);
  },
);

test.serial(
  'an activate that is killed when the new one is confirmed leaves the new one, and the next clears the old one',
  async (t) => {
    t.timeout(120_000);
    const web = (text: string, version: string) => ({
      ...{ script: serve(text), image: quick, network: simple, more: http(80), version },
    });
    const machine = await makeServices(t, { web: web('one', '1') });
    const { sandbox } = machine;
    t.is(machine.activate('web').err, '');
    await update(machine, { web: web('two', '2') }, '2.0.0');
    // Who stays connected to the old one keeps it for a second.
    sandbox.background('sh', '-c', 'sleep 1000 | busybox nc 127.0.0.1 8080');
    await until('a connection', () => sandbox.must('ss', '-Htn').includes('ESTAB'));
    const { run } = await machinePaths(linuxHost, machine.root);
    const words = ['activate', '-t', 'web', '--root', machine.root, '--integrity', 'digest'];
    const place = ['-t', String(sandbox.pid), '--net', '--mount', '--', executable, ...words];
    const child = spawn('nsenter', place, { stdio: 'ignore' });
    const record = `${run}/services/web~/record.json`;
    await until(
      'the confirmed record',
      () => existsSync(record) && !readFileSync(record, 'utf8').includes('isCandidate'),
    );
    child.kill('SIGKILL');
    await happens(child, 'exit');
    const containers = () =>
      sandbox
        .must('pgrep', '-x', 'lxc-start')
        .trim()
        .split('\n')
        .filter((id) => sandbox.run('cat', `/proc/${id}/cmdline`).out.includes(run)).length;
    t.is(containers(), 2, 'it was killed in between');

    const ask = () => sandbox.must('curl', '--silent', 'http://127.0.0.1:8080/');
    t.is(ask(), 'two\n');
    t.like(services(machine), [{ name: 'web', version: '2', state: 'running' }]);
    const { process } = services(machine)[0] ?? {};
    t.regex(machine.activate('web').out, /^web 2 of generation 2 is already at /);
    t.is(containers(), 1);
    t.is(ask(), 'two\n');
    t.like(services(machine), [{ name: 'web', version: '2', state: 'running', process }]);
    t.is(services(machine).length, 1);
    machine.must('stop', 'web');
    t.is(sandbox.must('/usr/sbin/nft', 'list', 'ruleset'), '');
  },
);
