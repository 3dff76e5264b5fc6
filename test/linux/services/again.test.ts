import { spawn } from 'node:child_process';
import { once } from 'node:events';
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
import { addImage, publishRelease } from '../../helpers/vendor.ts';

// What happens to a service beside its own life: it is started, put back or given up in the middle of something else.

type State = { readonly state: string; readonly restarts: number; readonly process: number };
const state = (machine: ServiceMachine): State => JSON.parse(machine.must('ps', '--json')).services[0];

async function update(machine: ServiceMachine, web: TestService): Promise<void> {
  await publishServices(machine.vendor, { web }, '2.0.0');
  await updateFrom(machine.root, installReference(machine.vendor, '2.0.0'));
}

test.serial(
  'a version that is started while the one before waits to be started again is watched',
  async (t) => {
    t.timeout(120_000);
    const machine = await makeServices(t, { web: { script: 'exit 1' } });
    t.is(machine.activate('web').err, '');
    const more =
      ', health: { exec: [/bin/busybox, test, -e, /tmp/well], interval: 1, retries: 2, start_period: 2 }';
    const script = 'echo > /tmp/well; busybox yes | busybox head -c 3000000; exec busybox sleep 1000';
    await update(machine, { script, more, version: '2' });
    await until('a long wait', () => state(machine).restarts === 3 && state(machine).state === 'waiting');
    t.is(machine.activate('web').err, '');
    t.is(state(machine).state, 'running');
    const { run } = await machinePaths(linuxHost, machine.root);
    const log = `${run}/services/web/log/output`;
    await until('a shorter log', () => Number(machine.sandbox.must('stat', '-c', '%s', log)) < 2_000_000);
    machine.must('exec', 'web', '--', '/bin/busybox', 'rm', '/tmp/well');
    await until('another start', () => state(machine).restarts === 1 && state(machine).state === 'running');
  },
);

test.serial('a service that ended well for an update and was put back is watched', async (t) => {
  t.timeout(120_000);
  const more = ', restart: on-failure';
  const network = '{ type: host }';
  const script = 'trap "exit 0" TERM; while :; do busybox sleep 0.1; done';
  const machine = await makeServices(t, { web: { script, network, more } });
  t.is(machine.activate('web').err, '');
  await update(machine, { script: 'exit 5', network, more, version: '2' });
  t.regex(
    machine.activate('web').err,
    /the one before goes on: cannot call web well: it ended with exit code 5/,
  );
  process.kill(state(machine).process, 'SIGKILL');
  await until('another start', () => state(machine).restarts === 1 && state(machine).state === 'running');
});

test.serial('a service whose restart was given up half way is reached again after an activate', async (t) => {
  t.timeout(120_000);
  // It does not end when asked to.
  const script = 'mkdir /tmp/w; echo one > /tmp/w/index.html; exec busybox httpd -f -p 80 -h /tmp/w';
  const machine = await makeServices(t, { web: { script, network: '{ type: simple }' } });
  t.is(machine.activate('web').err, '');
  const ask = () => machine.sandbox.run('curl', '--silent', '--max-time', '1', 'http://10.0.3.2/').out;
  await until('an answer', () => ask() === 'one\n');
  const words = ['-t', String(machine.sandbox.pid), '--net', '--mount', '--', executable];
  const options = ['--root', machine.root, '--integrity', 'digest'];
  const child = spawn('nsenter', [...words, 'restart', 'web', ...options], {
    detached: true,
    stdio: 'ignore',
  });
  await until('no answer', () => ask() === '');
  process.kill(-Number(child.pid), 'SIGKILL');
  await once(child, 'exit');
  t.is(machine.activate('web').err, '');
  t.is(ask(), 'one\n');
});

test.serial('a service that says more than its log has room for leaves the supervisor alone', async (t) => {
  t.timeout(120_000);
  const script = 'while :; do busybox dd if=/dev/zero bs=4M count=100 2>/dev/null; done';
  const machine = await makeServices(t, { web: { script } });
  t.is(machine.activate('web').err, '');
  await linuxHost.clock.sleep(5000);
  t.true(JSON.parse(machine.must('ps', '--json')).supervised);
});

test.serial('a service whose question for its health hangs is ended and started again', async (t) => {
  t.timeout(120_000);
  const ask = 'test -e /tmp/well || { busybox sleep 1000; exit 1; }';
  const more = `, health: { exec: [/bin/busybox, sh, -c, '${ask}'], interval: 1, timeout: 1, retries: 2, start_period: 2 }`;
  const machine = await makeServices(t, {
    web: { script: 'echo > /tmp/well; exec busybox sleep 1000', more },
  });
  t.is(machine.activate('web').err, '');
  machine.must('exec', 'web', '--', '/bin/busybox', 'rm', '/tmp/well');
  await until('another start', () => state(machine).restarts === 1 && state(machine).state === 'running');
});

test.serial('a service that is files from now on ends when these are there', async (t) => {
  t.timeout(120_000);
  const machine = await makeServices(t, {
    web: { script: 'exec busybox sleep 1000', image: { StopSignal: 'SIGKILL' } },
  });
  const { vendor } = machine;
  t.is(machine.activate('web').err, '');
  const targets = [
    `{ service_name: hostfs, source: '${await addImage(vendor, 'hostfs', { 'etc/name': 'hostfs' })}', version: '1', service_type: hostfs`,
    `{ service_name: web, source: '${await addImage(vendor, 'files', { name: 'web' })}', version: '2', service_type: fs-only`,
  ];
  const lines = targets.map((line) => `  - ${line}, nsgroup: none, network: { type: none } }\n`).join('');
  await publishRelease(vendor, {
    name: 'machine/install:2.0.0',
    manifest: `update_type: complete\ntargets:\n${lines}`,
  });
  await updateFrom(machine.root, installReference(vendor, '2.0.0'));
  t.regex(machine.activate('web').out, /^web 2 of generation 2 is at .*\/mnt\/atom\/web\n$/);
  t.deepEqual(JSON.parse(machine.must('ps', '--json')).services, []);
});
