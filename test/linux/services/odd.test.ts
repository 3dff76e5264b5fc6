import test from 'ava';
import { makeServices, until } from '../../helpers/services.ts';

const sleep = { Entrypoint: ['/bin/busybox', 'sleep', '1000'], Cmd: [], StopSignal: 'SIGKILL' };
/** As Debian has it. */
const linked = {
  'var/run': { link: '/run' },
  'run/.keep': '',
  'srv/real/.keep': '',
  'srv/link': { link: 'real' },
};
const storage = (dest: string, label: string) => `, storage: [{ dest: ${dest}, label: ${label} }]`;

test('images that other runtimes run, however odd they are, run', async (t) => {
  t.timeout(120_000);
  const longest = `a${'b'.repeat(62)}`;
  const ports = '[{ host: 5353, container: 53 }, { host: 5353, container: 53, protocol: udp }]';
  const machine = await makeServices(t, {
    relative: {
      script: '',
      files: {
        'opt/own/bin/run': '#!/bin/busybox sh\necho "$0 $# $1"; busybox pwd; exec busybox sleep 1000\n',
      },
      image: {
        Entrypoint: ['./bin/run'],
        Cmd: ['a "b"\n\tc'],
        WorkingDir: '/opt/../opt/own/',
        StopSignal: 'kill',
      },
    },
    numbers: {
      script: 'busybox id -u; busybox id -g; exec busybox sleep 1000',
      image: { User: '1234:5678', StopSignal: '9' },
    },
    [longest]: {
      script: 'busybox hostname; exec busybox sleep 1000',
      image: { StopSignal: 'SIGKILL' },
      nsgroup: 'long',
      network: '{ type: simple }',
    },
    both: {
      script: 'exec busybox sleep 1000',
      image: { StopSignal: 'SIGKILL' },
      network: `{ type: simple, ports: ${ports} }`,
    },
    tight: {
      script: 'exec busybox sleep 1000',
      image: { StopSignal: 'SIGKILL' },
      more: ', resources: { cpu: 1, pids: 1, disk: 16M, memory: 16M }',
    },
  });
  const lines = async (name: string, count: number) => {
    t.is(machine.activate(name).err, '', name);
    return until(`the words of ${name}`, () => {
      const said = machine.must('logs', name).trimEnd().split('\n');
      return said.length >= count && said.join('\n') !== '' && said;
    });
  };
  t.deepEqual(await lines('relative', 3), ['./bin/run 1 a "b"', '\tc', '/opt/own']);
  t.deepEqual(await lines('numbers', 2), ['1234', '5678']);
  t.deepEqual(await lines(longest, 1), [longest]);
  for (const name of ['both', 'tight']) t.is(machine.activate(name).err, '', name);
});

test('a volume at a place that a link of the image leads to is there', async (t) => {
  t.timeout(120_000);
  const machine = await makeServices(
    t,
    {
      linked: { script: '', files: linked, image: sleep, more: storage('/var/run/kept', 'kept') },
      last: { script: '', files: linked, image: sleep, more: storage('/srv/link', 'other') },
    },
    {
      storage: `storage:
  - { label: kept, persistent: true, nsgroup: linked, size: 8M }
  - { label: other, persistent: true, nsgroup: last, size: 8M }
`,
    },
  );
  for (const name of ['last', 'linked']) t.is(machine.activate(name).err, '', name);
  const mounts = (name: string) => machine.must('exec', name, '--', '/bin/busybox', 'cat', '/proc/mounts');
  t.regex(mounts('linked'), / \/run\/kept ext4 /);
  t.regex(mounts('last'), / \/srv\/real ext4 /);
});

test('images and volumes that fit nowhere are refused in words that help', async (t) => {
  t.timeout(120_000);
  const image = (more: object) => ({ script: '', image: { ...sleep, ...more } });
  const machine = await makeServices(
    t,
    {
      far: image({ User: '70000' }),
      signal: image({ StopSignal: 'SIGFOO' }),
      text: image({ Entrypoint: '/bin/busybox' }),
      zero: image({ Cmd: ['a\0b'] }),
      nameless: image({ Env: ['=x'] }),
      covered: { ...image({}), more: storage('/etc/passwd', 'one') },
      below: { ...image({}), more: storage('/etc/passwd/x', 'two') },
      lost: {
        ...image({}),
        files: { 'srv/link': { link: '/nowhere' } },
        more: storage('/srv/link', 'three'),
      },
      there: image({ WorkingDir: '/etc/passwd' }),
    },
    {
      storage: `storage:
  - { label: one, persistent: true, nsgroup: covered, size: 8M }
  - { label: two, persistent: true, nsgroup: below, size: 8M }
  - { label: three, persistent: true, nsgroup: lost, size: 8M }
`,
    },
  );
  const shape = 'Entrypoint, Cmd and Env are lists of text, User, WorkingDir and StopSignal are text';
  const place = 'what is there is no folder, or a link that leads nowhere';
  for (const [name, why, hint] of [
    ['far', 'its image runs as 70000, and it has 65536 ids'],
    ['signal', 'its image has the stop signal "SIGFOO"'],
    ['text', 'its image has a wrong Entrypoint', shape],
    ['zero', 'its image has a wrong Cmd', shape],
    ['nameless', 'its image has a variable with the name ""'],
    ['covered', 'its image has no place for a volume at /etc/passwd', place],
    ['below', 'its image has no place for a volume at /etc/passwd/x', place],
    ['lost', 'its image has no place for a volume at /srv/link', place],
    ['there', 'its image has the working directory "/etc/passwd", which is no folder'],
  ] as const)
    t.deepEqual(
      machine.activate(name),
      {
        status: 3,
        out: '',
        err: `mosctl: cannot start ${name}: ${why}\n${hint === undefined ? '' : `  ${hint}\n`}`,
      },
      name,
    );
  t.deepEqual(JSON.parse(machine.must('ps', '--json')).services, []);
});
