import test from 'ava';
import { makeServices, until } from '../../helpers/services.ts';

const wait = 'echo ready; exec busybox sleep 1000';
const quick = { StopSignal: 'SIGKILL' };

test.serial('what a service writes to its root file system is bounded, and gone with it', async (t) => {
  t.timeout(120_000);
  const machine = await makeServices(t, {
    web: { script: wait, image: quick, more: ', resources: { disk: 16M }' },
    other: { script: wait, image: quick },
  });
  for (const name of ['web', 'other']) t.is(machine.activate(name).err, '');
  const inside = (name: string, script: string) =>
    machine.mosctl('exec', name, '--as-root', '--', '/bin/busybox', 'sh', '-c', script);
  t.regex(inside('web', 'busybox dd if=/dev/zero of=/big bs=1M count=32').err, /No space left on device/);
  t.is(inside('other', 'echo more > /file; busybox df -m / | busybox tail -n 1').out.split(/ +/)[1], '1008');
  const { targets } = JSON.parse(machine.must('status', '--json'));
  const mounts = targets.flatMap(({ mounts: all }: { mounts: unknown[] }) => all);
  t.deepEqual(mounts.map(({ room }: { room: number }) => room).sort(), [1 << 30, 16 << 20].sort());
  t.regex(machine.must('status'), /\(digest, writable up to 16\.8 MB\)/);
  machine.must('stop', 'web');
  t.is(machine.activate('web').err, '');
  t.is(inside('web', 'test ! -e /big && echo gone').out, 'gone\n');
});

test.serial(
  'a manifest makes the root file system read-only, and gives capabilities and devices',
  async (t) => {
    t.timeout(120_000);
    const devices = ['/dev/loop-control', '/dev/net/tun'];
    const show = `grep -q "0 1 0" /proc/self/uid_map; busybox grep CapEff /proc/self/status; busybox touch /file
for d in ${devices.join(' ')}; do busybox stat -c "%n %u %a %t:%T" $d; done; busybox hostname more; ${wait}`;
    const machine = await makeServices(
      t,
      {
        closed: {
          script: show,
          image: quick,
          network: '{ type: simple }',
          more: ', read_only: true, storage: [{ dest: /srv/data, label: data }]',
        },
        open: {
          script: show,
          image: quick,
          more: `, capabilities: [sys_admin, net_raw], devices: [${devices.join(', ')}]`,
        },
        absent: { script: wait, more: ', devices: [/dev/not-there]' },
      },
      { storage: 'storage:\n  - { label: data, persistent: false, nsgroup: closed, size: 8M }\n' },
    );
    const said = async (name: string) => {
      t.is(machine.activate(name).err, '');
      return until('its words', () => {
        const lines = machine.must('logs', name).trim().split('\n');
        return lines.includes('ready') && lines;
      });
    };
    const missing = devices.map((path) => `stat: can't stat '${path}': No such file or directory`);
    t.deepEqual(await said('closed'), [
      'CapEff:\t00000000a00405fb',
      'touch: /file: Read-only file system',
      ...missing,
      'hostname: sethostname: Operation not permitted',
      'ready',
    ]);
    const inside = machine.mosctl('exec', 'closed', '--', '/bin/busybox', 'touch', '/srv/data/x', '/tmp/x');
    t.deepEqual(inside, { status: 0, out: '', err: '' }, 'its volumes and /tmp can be written');
    t.deepEqual(await said('open'), [
      'CapEff:\t00000000a02425fb',
      '/dev/loop-control 0 600 a:ed',
      '/dev/net/tun 0 600 a:c8',
      'ready',
    ]);
    t.is(
      machine.activate('absent').err,
      'mosctl: cannot start absent: this machine has no device /dev/not-there\n',
    );
    const { services } = JSON.parse(machine.must('status', '--security', '--json'));
    const scores = services.map(({ name, score }: { name: string; score: number }) => [name, score]);
    // This kernel has neither control groups of version 2 nor AppArmor, and digest is what it is mounted with.
    t.deepEqual(scores, [
      ['absent', 63],
      ['closed', 70],
      ['open', 40],
    ]);
    t.regex(
      machine.must('status', '--security'),
      /\nclosed: 70 of 100\n {2}about +points +why\n {2}ids +20\/20 /,
    );
    machine.must('stop', 'open');
  },
);
