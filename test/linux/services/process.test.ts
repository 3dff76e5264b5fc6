import { readFileSync } from 'node:fs';
import test from 'ava';
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
