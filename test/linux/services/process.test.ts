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
