import test from 'ava';
import { type Container, planContainer, renderLxcConfig, renderSeccomp } from '../../pkg/lxc/index.ts';

const container: Container = {
  name: 'web',
  rootfs: '/run/mos/services/web/rootfs',
  ids: { start: 100000, count: 65536 },
  process: {
    argv: ['/bin/web'],
    environment: [
      ['A', 'hello  "you" '],
      ['B', ''],
    ],
    uid: 33,
    gid: 34,
    groups: [],
    cwd: '/srv',
    stopSignal: 'SIGQUIT',
  },
  network: {
    slot: 11,
    ipv4: '10.0.3.5',
    ipv6: 'fd6d:6f73:3::5',
    hasIpv6: true,
    resolver: '/run/mos/network/1/resolv.conf',
  },
  mounts: [],
  limits: { memory: 64 * 1024 * 1024, cpu: 150, pids: 30, io: { weight: 5000, file: 'io.weight' } },
  capabilities: [],
  devices: [],
  isReadOnly: false,
  hasCgroup2: true,
  hasAppArmor: true,
  seccomp: '/run/mos/services/web/seccomp',
  lxcLog: '/run/mos/services/web/lxc.log',
};
const lines = (changed: Partial<Container> = {}): string[] =>
  renderLxcConfig(planContainer({ ...container, ...changed })).split('\n');
const only = (text: readonly string[], pattern: RegExp): string[] =>
  text.filter((line) => pattern.test(line));

test('the wire of a service with a simple network', (t) => {
  t.deepEqual(only(lines(), /^lxc\.net|resolv/), [
    'lxc.net.0.type = veth',
    'lxc.net.0.link = lxcbr0',
    'lxc.net.0.flags = up',
    'lxc.net.0.name = eth0',
    'lxc.net.0.hwaddr = 02:6d:6f:73:00:0b',
    'lxc.net.0.veth.pair = mos11',
    'lxc.net.0.ipv4.address = 198.18.3.11/32',
    'lxc.net.0.ipv4.address = 10.0.3.5/32',
    'lxc.net.0.ipv4.gateway = 10.0.3.1',
    'lxc.net.0.ipv6.address = fd6d:6f73:4::b/128',
    'lxc.net.0.ipv6.address = fd6d:6f73:3::5/128',
    'lxc.net.0.ipv6.gateway = fd6d:6f73:3::1',
    'lxc.mount.entry = /run/mos/network/1/resolv.conf etc/resolv.conf none bind,ro,create=file 0 0',
  ]);
  t.deepEqual(only(lines({ network: 'none' }), /^lxc\.net/), ['lxc.net.0.type = empty']);
  t.deepEqual(only(lines({ network: 'host' }), /^lxc\.net/), ['lxc.net.0.type = none']);
});

test('who it is, and what it may do', (t) => {
  t.deepEqual(
    only(lines(), /^lxc\.(idmap|init|environment|signal|cap|no_new|apparmor|seccomp|autodev|mount\.auto)/),
    [
      'lxc.idmap = u 0 100000 65536',
      'lxc.idmap = g 0 100000 65536',
      'lxc.environment = A=hello  "you" '.replace('A=hello  "you" ', '"A=hello  "you" "'),
      'lxc.environment = B=',
      'lxc.init.uid = 33',
      'lxc.init.gid = 34',
      'lxc.init.cwd = /srv',
      'lxc.signal.halt = SIGQUIT',
      'lxc.cap.keep = audit_write chown dac_override fowner fsetid kill net_bind_service setfcap setgid setpcap setuid sys_chroot',
      'lxc.no_new_privs = 1',
      'lxc.seccomp.profile = /run/mos/services/web/seccomp',
      'lxc.apparmor.profile = generated',
      'lxc.autodev = 1',
      'lxc.mount.auto = proc:mixed sys:ro',
    ],
  );
  t.deepEqual(only(lines({ ids: undefined, hasAppArmor: false }), /^lxc\.(idmap|apparmor)/), [
    'lxc.apparmor.profile = unchanged',
  ]);
});

test('limits, where the machine has control groups of version 2', (t) => {
  t.deepEqual(only(lines(), /cgroup/), [
    'lxc.cgroup2.memory.max = 67108864',
    'lxc.cgroup2.memory.swap.max = 0',
    'lxc.cgroup2.cpu.max = 150000 100000',
    'lxc.cgroup2.pids.max = 30',
    'lxc.cgroup2.io.weight = 5000',
  ]);
  t.deepEqual(only(lines({ limits: {} }), /cgroup/), ['lxc.cgroup2.pids.max = 4096']);
  t.deepEqual(only(lines({ hasCgroup2: false }), /cgroup/), []);
  t.deepEqual(only(lines({ limits: { io: { weight: 5000, file: 'io.bfq.weight' } } }), /cgroup2\.io/), [
    'lxc.cgroup2.io.bfq.weight = 1000',
  ]);
});

test('what a manifest tightens and loosens', (t) => {
  const changed = {
    isReadOnly: true,
    capabilities: ['net_raw', 'chown'],
    devices: [{ from: '/run/mos/services/web/devices/0', to: '/dev/net/tun' }],
  };
  t.deepEqual(only(lines(changed), /^lxc\.(rootfs\.options|cap)|web\/devices/), [
    'lxc.rootfs.options = ro',
    'lxc.cap.keep = audit_write chown dac_override fowner fsetid kill net_bind_service net_raw setfcap setgid setpcap setuid sys_chroot',
    'lxc.mount.entry = /run/mos/services/web/devices/0 dev/net/tun none bind,nosuid,noexec,create=file 0 0',
  ]);
  t.deepEqual(only(lines(), /rootfs\.options|web\/devices/), []);
  const refused = (extra: readonly string[]) => renderSeccomp(extra).split('\n');
  const allowed = refused([]).filter((line) => !refused(['sys_time']).includes(line));
  t.deepEqual(allowed, [
    'adjtimex errno 1',
    'clock_adjtime errno 1',
    'clock_adjtime64 errno 1',
    'clock_settime errno 1',
    'clock_settime64 errno 1',
    'settimeofday errno 1',
    'stime errno 1',
  ]);
  t.true(refused(['sys_time', 'net_raw']).includes('mount errno 1'));
  t.false(refused(['sys_admin']).some((line) => /^(mount|clone|unshare) /.test(line)));
});

test('no value can begin a line of its own', (t) => {
  for (const text of ['a\nlxc.cap.keep = sys_admin', 'a\0', 'a\u2028b', 'a\r'])
    t.throws(() => renderLxcConfig([['lxc.environment', `A=${text}`]]), {
      code: 'invalid',
      message: `cannot use ${JSON.stringify(`A=${text}`)} as lxc.environment: it has a control character`,
    });
});

test("the filter refuses what leads out, in LXC's form", (t) => {
  const text = renderSeccomp();
  t.true(text.startsWith('2\ndenylist allow\n[all]\n'));
  for (const line of [
    'mount errno 1',
    'setns errno 1',
    'bpf errno 1',
    'clone3 errno 38',
    'io_uring_setup errno 38',
  ])
    t.true(text.split('\n').includes(line), line);
  t.is(text.match(/^clone errno 1 /gm)?.length, 8);
});

test('who is in more than one group is started by a program that takes them, as the root of the container', (t) => {
  const process = { ...container.process, groups: [50, 51] };
  const starter = '/run/mos/services/web/starter';
  t.deepEqual(only(lines({ process, starter }), /init\.(uid|gid|groups)|starter/), [
    'lxc.mount.entry = /run/mos/services/web/starter dev/.mos-start none bind,ro,nosuid,nodev,create=file 0 0',
  ]);
  t.deepEqual(only(lines({ process, ids: undefined }), /init\.(uid|gid|groups)/), [
    'lxc.init.uid = 33',
    'lxc.init.gid = 34',
    'lxc.init.groups = 50,51',
  ]);
});
