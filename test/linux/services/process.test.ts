import { readFileSync } from 'node:fs';
import test from 'ava';
import { executable } from '../../helpers/sandbox.ts';
import { makeServices, until } from '../../helpers/services.ts';

test('an image finds its program, its folder and its names, as in other runtimes', async (t) => {
  t.timeout(120_000);
  const show =
    '#!/bin/busybox sh\nbusybox pwd; busybox cat /etc/hosts; echo; busybox cat /etc/resolv.conf; echo ready';
  const image = (more: object) => ({
    Entrypoint: ['entry'],
    Cmd: [],
    Env: ['PATH=/opt/own:/bin'],
    WorkingDir: '/not/there/yet',
    StopSignal: 'SIGKILL',
    ...more,
  });
  const files = { 'bin/entry': `${show}; exec busybox sleep 1000\n` };
  const machine = await makeServices(t, {
    wired: { script: '', files, network: '{ type: simple }', image: image({}), more: ', read_only: true' },
    host: {
      script: '',
      files: { ...files, 'etc/hosts': '192.0.2.9 of-the-image\n' },
      network: '{ type: host }',
      image: image({ WorkingDir: '' }),
    },
  });
  const said = async (name: string) => {
    t.is(machine.activate(name).err, '');
    return until('its words', () => {
      const lines = machine.must('logs', name).trim().split('\n');
      return lines.includes('ready') && lines;
    });
  };
  t.deepEqual(await said('wired'), [
    '/not/there/yet',
    '127.0.0.1 localhost',
    '::1 localhost ip6-localhost ip6-loopback',
    '10.0.3.2 wired',
    'fd6d:6f73:3::2 wired',
    '',
    'nameserver 10.0.3.1',
    'ready',
  ]);
  const resolver = readFileSync('/etc/resolv.conf', 'utf8').trimEnd().split('\n');
  t.deepEqual(await said('host'), ['/', '192.0.2.9 of-the-image', '', ...resolver, 'ready']);
});

test('the user of an image is in the groups that the image says, and so is who looks into the service', async (t) => {
  t.timeout(120_000);
  const machine = await makeServices(t, {
    web: {
      script: '',
      files: {
        'etc/group': 'web:x:34:\ndisk:x:50:root,web\nvideo:x:51:web\nother:x:52:root\n',
        'bin/entry': '#!/bin/busybox sh\nbusybox id; echo "$0 $*"; exec busybox sleep 1000\n',
      },
      image: { Entrypoint: ['entry'], Cmd: ['two words'], User: 'web', StopSignal: 'SIGKILL' },
      more: ', health: { exec: [busybox, id] }',
    },
  });
  t.is(machine.activate('web').err, '');
  const groups = 'uid=33(web) gid=34(web) groups=34(web),50(disk),51(video)';
  const said = await until('its words', () => {
    const lines = machine.must('logs', 'web').trim().split('\n');
    return lines.length > 1 && lines;
  });
  t.deepEqual(said, [groups, '/bin/entry two words']);
  t.is(machine.must('exec', 'web', '--', 'busybox', 'id'), `${groups}\n`);
  t.regex(machine.must('exec', '--as-root', 'web', '--', 'busybox', 'id'), /^uid=0/);
  const status = machine.must('exec', 'web', '--', 'busybox', 'cat', '/proc/1/status');
  t.regex(status, /^CapEff:\t0000000000000000$/m);
  t.regex(status, /^CapPrm:\t0000000000000000$/m);
  t.regex(status, /^Uid:\t33\t33\t33\t33$/m);
});

test('a program that is not in a service, or is none, is told as a shell tells it', async (t) => {
  t.timeout(120_000);
  const image = { Entrypoint: ['/bin/busybox', 'sleep', '1000'], Cmd: [], StopSignal: 'SIGKILL' };
  const files = { 'bin/lost': '#!/bin/nothing\n' };
  const groups = { ...files, 'etc/group': 'web:x:34:\ndisk:x:50:web\n' };
  const machine = await makeServices(t, {
    plain: { script: '', image, files },
    grouped: { script: '', image: { ...image, User: 'web' }, files: groups },
  });
  const noProgram = (program: string, name: string, hint: string) => ({
    status: 127,
    out: '',
    err: `mosctl: cannot run ${program} in ${name}: the service has no such program\n  ${hint}\n`,
  });
  const byPath =
    'the path is one in the service; a script needs its interpreter there too, and a program its loader';
  const byName = 'it is looked for in the PATH of the service; name it with its whole path';
  for (const name of ['plain', 'grouped']) {
    t.is(machine.activate(name).err, '');
    const exec = (...words: string[]) => machine.mosctl('exec', name, '--', ...words);
    t.deepEqual(exec('/bin/nothing'), noProgram('/bin/nothing', name, byPath));
    t.deepEqual(exec('nothing'), noProgram('nothing', name, byName));
    t.deepEqual(exec('/etc'), {
      status: 126,
      out: '',
      err: `mosctl: cannot run /etc in ${name}: it is no program that can be run there (Permission denied)\n`,
    });
    const own = exec('/bin/busybox', 'sh', '-c', 'echo own >&2; exit 127');
    t.deepEqual(own, { status: 127, out: '', err: 'own\n' }, 'an exit code of the program');
    for (const code of [1, 126, 255])
      t.deepEqual(exec('/bin/busybox', 'sh', '-c', `exit ${code}`), { status: code, out: '', err: '' });
  }
  const { status, err } = machine.mosctl('exec', 'plain', '--', '/bin/lost');
  t.is(status, 127);
  t.true(err.endsWith(noProgram('/bin/lost', 'plain', byPath).err), 'its interpreter is missing');
  t.is(machine.must('exec', 'plain', '--', '/proc/self/root/bin/busybox', 'echo', 'well'), 'well\n');
  t.deepEqual(machine.mosctl('shell', 'plain'), noProgram('/bin/sh', 'plain', byPath));
});

test('what is run in a service has its environment, which no user of the host can read', async (t) => {
  t.timeout(120_000);
  const image = {
    Entrypoint: ['/bin/busybox', 'sleep', '1000'],
    Cmd: [],
    Env: ['PATH=/bin', 'TOKEN= of "three" words '],
    StopSignal: 'SIGKILL',
  };
  const machine = await makeServices(t, {
    web: {
      script: '',
      image,
      more: ', environment: { KEY: secret }, health: { exec: [busybox, grep, -q, secret, /proc/self/environ] }',
    },
  });
  t.is(machine.activate('web').err, '');
  const variables = (...how: string[]) =>
    machine
      .must('exec', ...how, 'web', '--', 'busybox', 'env')
      .trimEnd()
      .split('\n')
      .sort();
  t.deepEqual(variables(), [
    'HOME=/root',
    'KEY=secret',
    'PATH=/bin',
    'TOKEN= of "three" words ',
    'container=lxc',
  ]);
  t.deepEqual(variables('--as-root'), variables());
  const show = ['busybox', 'sh', '-c', 'echo run; exec busybox sleep 5'] as const;
  machine.sandbox.background(executable, 'exec', '--root', machine.root, 'web', '--', ...show);
  const all = () => machine.sandbox.run('sh', '-c', 'cat /proc/[0-9]*/cmdline 2>/dev/null').out;
  const words = await until('lxc-attach', () => {
    const said = all();
    return said.includes('lxc-attach') && said.includes('echo run') && said;
  });
  t.false(words.includes('KEY=secret'));
});

test('a program that is asked for the health of a service and fails is told in its words', async (t) => {
  t.timeout(120_000);
  const image = { Entrypoint: ['/bin/busybox', 'sleep', '1000'], Cmd: [], StopSignal: 'SIGKILL' };
  const asked = (health: string) => ({
    ...{ script: '', image },
    more: `, health: { exec: ${health}, interval: 1, timeout: 1, retries: 1, start_period: 0 }`,
  });
  const machine = await makeServices(t, {
    lost: asked('[/bin/nothing]'),
    bad: asked('[busybox, sh, -c, echo no room >&2; exit 3]'),
    slow: asked('[busybox, sleep, "10"]'),
  });
  for (const [name, why] of [
    ['lost', '/bin/nothing: the service has no such program'],
    ['bad', 'busybox: exit code 3: no room'],
    ['slow', 'busybox: no answer in time'],
  ] as const) {
    const hint = `  see what it says: mosctl logs ${name}\n`;
    t.is(machine.activate(name).err, `mosctl: cannot call ${name} well: ${why}\n${hint}`);
    machine.must('stop', name);
  }
});
