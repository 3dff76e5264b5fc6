import { readdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { linuxHost as host } from '../../../pkg/host/linux/index.ts';
import { machinePaths } from '../../../pkg/system/index.ts';
import { executable } from '../../helpers/sandbox.ts';
import { makeServices, type ServiceMachine, until } from '../../helpers/services.ts';

const serve = (text: string) =>
  `mkdir -p /tmp/w; echo ${text} > /tmp/w/index.html; exec busybox httpd -f -p 80 -h /tmp/w`;
const image = { StopSignal: 'SIGKILL' };

/** Everything that a service may leave on a machine, as the sandbox sees it. */
async function leftovers(machine: ServiceMachine) {
  const { run } = await machinePaths(host, machine.root);
  const { sandbox } = machine;
  const uppers = `${machine.root}/scratch-writes/molecules`;
  const mounts = sandbox.must('cat', '/proc/self/mountinfo').split('\n');
  return {
    mounts: mounts.filter((line) => line.includes(run) || line.includes(`${machine.root}/`)),
    loops: (await host.devices.loops()).filter(({ file }) => file.startsWith(machine.root)),
    links: sandbox.must('ip', '-brief', 'link').match(/^\S+/gm),
    rules: sandbox.must('/usr/sbin/nft', 'list', 'ruleset'),
    folders: readdirSync(`${run}/services`).filter((name) => !name.startsWith('.')),
    uppers: readdirSync(uppers).flatMap((boot) => readdirSync(`${uppers}/${boot}`)),
    groups: await groupsLeft(sandbox),
  };
}

/** LXC removes them when it has told that the container is stopped: on a busy machine somewhat later. */
async function groupsLeft(sandbox: ServiceMachine['sandbox']): Promise<string[]> {
  for (let look = 0; ; look++) {
    const groups = sandbox
      .must('find', '/sys/fs/cgroup', '-maxdepth', '3', '-name', 'lxc.*s[0-9]*')
      .split('\n')
      .filter((line) => /\/lxc\.\w+\.s\d+(-\d+)?$/.test(line));
    if (groups.length === 0 || look === 50) return groups;
    await setTimeout(100);
  }
}
const nothing = { mounts: [], loops: [], links: ['lo'], rules: '', folders: [], uppers: [], groups: [] };

test.serial('twenty services start in one boot, and leave nothing', async (t) => {
  t.timeout(300_000);
  const names = Array.from({ length: 20 }, (_, index) => `s${index + 1}`);
  const machine = await makeServices(
    t,
    Object.fromEntries(
      names.map((name) => [
        name,
        { script: serve(name), network: '{ type: simple }', image, nsgroup: 'all' },
      ]),
    ),
  );
  const started = performance.now();
  const { good } = JSON.parse(machine.must('boot', '--integrity', 'digest', '--json'));
  t.log(`boot of 20 services: ${((performance.now() - started) / 1000).toFixed(2)} s`);
  t.true(good);
  const states = JSON.parse(machine.must('ps', '--json')).services as readonly {
    name: string;
    state: string;
  }[];
  t.deepEqual(
    states.map(({ name, state }) => `${name} ${state}`).sort(),
    names.map((name) => `${name} running`).sort(),
  );
  const pages = await until('all pages', () => {
    const said = names.map(
      (_, index) => machine.sandbox.run('curl', '--silent', `http://10.0.3.${index + 2}/`).out,
    );
    return said.every((text) => text !== '') && said;
  });
  t.deepEqual([...pages].sort(), names.map((name) => `${name}\n`).sort());
  for (const name of names) machine.must('stop', name);
  t.deepEqual(await leftovers(machine), nothing);
});

/** `make cycles` does a thousand. */
test.serial('a service that is started and stopped again and again leaves nothing', async (t) => {
  const cycles = Number(process.env['MOS_CYCLES'] ?? 15);
  t.timeout(cycles * 20_000);
  const machine = await makeServices(t, { s1: { script: serve('one'), network: '{ type: simple }', image } });
  for (let cycle = 0; cycle < cycles; cycle++) {
    t.is(machine.activate('s1').err, '');
    t.is(machine.must('stop', 's1'), 's1 is stopped\n');
  }
  t.deepEqual(await leftovers(machine), nothing);
});

test.serial(
  'an activate that was killed anywhere is ended by the next one, and a stop leaves nothing',
  async (t) => {
    t.timeout(300_000);
    const service = {
      script: serve('one'),
      network: '{ type: simple }',
      image,
      more: ', storage: [{ dest: /data, label: data }], devices: [/dev/loop-control]',
    };
    const storage = 'storage:\n  - { label: data, persistent: true, nsgroup: s1, size: 8M }\n';
    const machine = await makeServices(t, { s1: service }, { storage });
    const started = performance.now();
    t.is(machine.activate('s1').err, '');
    const whole = (performance.now() - started) / 1000;
    machine.must('stop', 's1');
    const kills = 10;
    for (let kill = 1; kill <= kills; kill++) {
      const words = ['activate', '-t', 's1', '--root', machine.root, '--integrity', 'digest'];
      const after = String((whole * kill) / (kills + 1));
      machine.sandbox.run('timeout', '-s', 'KILL', after, executable, ...words);
      if (kill % 3 !== 0) t.is(machine.activate('s1').err, '', `after ${after} s`);
      machine.must('stop', 's1');
      t.deepEqual(await leftovers(machine), nothing, `after ${after} s`);
    }
  },
);
