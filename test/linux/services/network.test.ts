import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { temporaryFolder } from '../../helpers/folder.ts';
import { updateFrom } from '../../helpers/machine.ts';
import { makeNeighbour } from '../../helpers/sandbox.ts';
import { installReference, makeServices, publishServices, until } from '../../helpers/services.ts';

const serve = (text: string, more = '') =>
  `mkdir -p /tmp/w; echo ${text} > /tmp/w/index.html; ${more} exec busybox httpd -f -p 80 -h /tmp/w`;
/** Sends back whatever comes to UDP port 53; nothing on a Debian machine does that. */
const echoSource = `
#include <netinet/in.h>
int main(void) {
  struct sockaddr_in6 me = { .sin6_family = AF_INET6, .sin6_port = htons(53) }, from;
  char text[512];
  int fd = socket(AF_INET6, SOCK_DGRAM, 0);
  if (bind(fd, (struct sockaddr *)&me, sizeof me) != 0) return 1;
  for (;;) {
    socklen_t size = sizeof from;
    ssize_t length = recvfrom(fd, text, sizeof text, 0, (struct sockaddr *)&from, &size);
    sendto(fd, text, length, 0, (struct sockaddr *)&from, size);
  }
}`;

async function udpEcho(t: ExecutionContext): Promise<Uint8Array> {
  const file = join(await temporaryFolder(t), 'echo');
  const { status } = spawnSync('gcc', ['-static', '-x', 'c', '-o', file, '-'], { input: echoSource });
  t.is(status, 0);
  return readFileSync(file);
}

const wget = ['/bin/busybox', 'timeout', '10', '/bin/busybox', 'wget', '-qO-'] as const;
const fetch = ['curl', '--silent', '--show-error', '--max-time', '10'] as const;

test.serial(
  'a service is reached at its ports and its name, from the host, from outside and from another service',
  async (t) => {
    t.timeout(120_000);
    const machine = await makeServices(t, {
      web: {
        script: serve('hello', '/bin/echo-udp &'),
        files: { 'bin/echo-udp': await udpEcho(t) },
        network:
          '{ type: simple, ports: [{ host: 8080, container: 80 }, { host: 8053, container: 53, protocol: udp }] }',
      },
      other: { script: serve('other'), network: '{ type: simple }' },
      shy: { script: 'busybox ip address show; exec busybox sleep 1000' },
    });
    const { sandbox } = machine;
    const neighbour = await makeNeighbour(t, sandbox);
    for (const name of ['web', 'other', 'shy']) t.is(machine.activate(name).err, '');
    await until('the first answer', () => sandbox.run(...fetch, 'http://127.0.0.1:8080').status === 0);

    t.is(sandbox.must(...fetch, 'http://10.0.3.2'), 'hello\n', 'its own address, from the host');
    t.is(sandbox.must(...fetch, 'http://[fd6d:6f73:3::2]'), 'hello\n');
    t.is(sandbox.must(...fetch, 'http://192.0.2.1:8080'), 'hello\n', 'an address of the host, from the host');
    t.is(neighbour.must(...fetch, 'http://192.0.2.1:8080'), 'hello\n', 'from outside');
    t.is(neighbour.must(...fetch, 'http://[2001:db8::1]:8080'), 'hello\n');
    const ask = 'exec 3<>/dev/udp/192.0.2.1/8053; echo this >&3; timeout 10 head -n 1 <&3';
    t.is(neighbour.must('bash', '-c', ask), 'this\n', 'udp');

    const from = (name: string, url: string) => machine.mosctl('exec', name, '--', ...wget, url);
    // A static busybox can look up names in nslookup only.
    const answer = machine.must('exec', 'other', '--', '/bin/busybox', 'nslookup', 'web');
    t.deepEqual(answer.match(/(?<=Name:\tweb\nAddress: ).*/g), ['10.0.3.2', 'fd6d:6f73:3::2']);
    t.is(from('other', 'http://10.0.3.2:80').out, 'hello\n', 'another service');
    t.is(from('web', 'http://10.0.3.3:80').out, 'other\n');
    t.is(from('web', 'http://10.0.3.2:80').out, 'hello\n', 'itself');
    t.is(from('other', 'http://192.0.2.1:8080').out, 'hello\n', 'a service, by a port of the host');

    neighbour.must('ip', 'route', 'add', '10.0.3.0/24', 'via', '192.0.2.1');
    neighbour.must('ip', 'route', 'add', '198.18.3.0/24', 'via', '192.0.2.1');
    for (const url of ['http://10.0.3.3', 'http://198.18.3.3', 'http://198.18.3.2:80'])
      t.not(
        neighbour.run('curl', '--silent', '--max-time', '1', url).status,
        0,
        `${url} is not for the neighbour`,
      );
    t.deepEqual(machine.must('logs', 'shy').match(/^\d+: \S+/gm), ['1: lo:']);

    for (const name of ['web', 'other', 'shy']) machine.must('stop', name, '--timeout', '0');
    t.is(sandbox.must('/usr/sbin/nft', 'list', 'ruleset'), '');
    t.deepEqual(sandbox.must('ip', '-brief', 'link').match(/^\S+/gm), ['lo', 'wire@if2']);
    t.is(sandbox.must('sysctl', '-n', 'net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'), '0\n0\n');
  },
);

test.serial('a service learns its own address, and reaches the world behind the host', async (t) => {
  t.timeout(120_000);
  const machine = await makeServices(t, {
    web: { script: 'busybox env; exec busybox sleep 1000', network: '{ type: simple, ipv4: 10.0.3.77 }' },
  });
  const neighbour = await makeNeighbour(t, machine.sandbox);
  neighbour.background('busybox', 'httpd', '-f', '-p', '192.0.2.2:9000', '-h', machine.vendor.folder);
  t.is(machine.activate('web').err, '');
  const said = machine.must('logs', 'web');
  for (const line of [
    'IPV4=10.0.3.77/24',
    'MOS_IPV4=10.0.3.77',
    'IPV6=fd6d:6f73:3::2/64',
    'MOS_IPV6=fd6d:6f73:3::2',
  ])
    t.true(said.split('\n').includes(line), line);
  const answer = machine.mosctl(
    'exec',
    'web',
    '--',
    '/bin/busybox',
    'wget',
    '-qO-',
    'http://192.0.2.2:9000/manifest.yaml',
  );
  t.regex(answer.out, /^version: 1\n/);
});

test.serial('a service that was started again is reached at once', async (t) => {
  t.timeout(120_000);
  const image = { StopSignal: 'SIGKILL' };
  const service = { script: serve('hello'), network: '{ type: simple }', image };
  // The other one keeps the bridge there, which would forget everybody.
  const machine = await makeServices(t, { other: service, web: service });
  t.is(machine.activate('other').err, '');
  for (let start = 0; start < 4; start++) {
    t.is(machine.activate('web').err, '');
    // Two seconds are long for a local connection, and short for a neighbour that has to be forgotten.
    const ask = [
      'curl',
      '--silent',
      '--max-time',
      '2',
      '--retry',
      '9',
      '--retry-connrefused',
      '--retry-delay',
      '0',
    ];
    const said = machine.sandbox.run('timeout', '4', ...ask, 'http://10.0.3.3/');
    t.is(said.out, 'hello\n', `start ${start}`);
    machine.must('stop', 'web');
  }
});

test.serial('a port that a program of the host or another service has is refused', async (t) => {
  t.timeout(120_000);
  const simple = '{ type: simple, ports: [{ host: 8081, container: 80 }] }';
  const machine = await makeServices(t, { web: { script: serve('one'), network: simple } });
  const { sandbox } = machine;
  sandbox.background('busybox', 'httpd', '-f', '-p', '8081');
  await until('a listener', () => sandbox.must('ss', '-Hltn').includes(':8081 '));
  t.is(
    machine.activate('web').err,
    'mosctl: cannot start web: a program of the host listens on port 8081 (tcp)\n  stop the other one, or give this one another address or port\n',
  );
  t.deepEqual(JSON.parse(machine.must('ps', '--json')).services, []);
  t.is(sandbox.must('/usr/sbin/nft', 'list', 'ruleset'), '');
});

test.serial("a bridge that is somebody else's is refused", async (t) => {
  t.timeout(120_000);
  const machine = await makeServices(t, { web: { script: serve('one'), network: '{ type: simple }' } });
  const { sandbox } = machine;
  const hint = '\n  lxcbr0 must be a bridge with 10.0.3.1/24, or not be there: then it is made\n';
  sandbox.must('ip', 'link', 'add', 'lxcbr0', 'type', 'veth');
  t.is(machine.activate('web').err, `mosctl: cannot use lxcbr0 for services: it is no bridge${hint}`);
  sandbox.must('ip', 'link', 'delete', 'lxcbr0');
  sandbox.must('ip', 'link', 'add', 'lxcbr0', 'type', 'bridge');
  sandbox.must('ip', 'address', 'add', '192.0.2.1/24', 'dev', 'lxcbr0');
  t.is(
    machine.activate('web').err,
    `mosctl: cannot use lxcbr0 for services: it has the address 192.0.2.1/24${hint}`,
  );
  t.deepEqual(JSON.parse(machine.must('ps', '--json')).services, []);
});

test.serial(
  'what a network namespace left that is gone says nothing of the next one with its inode',
  async (t) => {
    t.timeout(120_000);
    const network = '{ type: simple, ports: [{ host: 8080, container: 80 }] }';
    const service = { web: { script: serve('hello'), network } };
    const [gone, next] = [await makeServices(t, service), await makeServices(t, service)];
    t.is(gone.activate('web').err, '');
    const folderOf = ({ sandbox }: typeof gone) =>
      `/run/mos/network/${statSync(`/proc/${sandbox.pid}/ns/net`).ino}`;
    t.teardown(() => rmSync(folderOf(next), { recursive: true, force: true }));
    // The kernel gives an inode to another one when it is free, which can't be asked for.
    cpSync(folderOf(gone), folderOf(next), { recursive: true });

    t.is(next.activate('web').err, '');
    await until('an answer', () => next.sandbox.run(...fetch, 'http://127.0.0.1:8080').out === 'hello\n');
    next.must('stop', 'web', '--timeout', '0');
    t.is(next.sandbox.must('/usr/sbin/nft', 'list', 'ruleset'), '');
    t.false(existsSync(folderOf(next)));
    t.is(gone.sandbox.must(...fetch, 'http://127.0.0.1:8080'), 'hello\n', 'the other one goes on');
  },
);

test.serial('who goes on asking over UDP from one port is answered by the next container too', async (t) => {
  t.timeout(120_000);
  const web = {
    script: 'exec /bin/echo-udp',
    files: { 'bin/echo-udp': await udpEcho(t) },
    image: { StopSignal: 'SIGKILL' },
    network: '{ type: simple, ports: [{ host: 8053, container: 53, protocol: udp }] }',
  };
  const machine = await makeServices(t, { web });
  t.is(machine.activate('web').err, '');
  const file = `${await temporaryFolder(t)}/answers`;
  const ask =
    'exec 3<>/dev/udp/127.0.0.1/8053; while echo this >&3; do timeout 1 head -n 1 <&3; sleep 0.1; done';
  machine.sandbox.background('bash', '-c', `exec >${file}; ${ask}`);
  const answers = () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').length : 0);
  await until('the first answers', () => answers() > 2);
  await publishServices(machine.vendor, { web: { ...web, version: '2' } }, '2.0.0');
  await updateFrom(machine.root, installReference(machine.vendor, '2.0.0'));
  t.is(machine.activate('web').err, '');
  const before = answers();
  await until('more answers', () => answers() > before + 2);
});
