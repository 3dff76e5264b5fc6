import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { temporaryFolder } from '../../helpers/folder.ts';

// The network of an initrd, from a DHCP server of others: dnsmasq, at the other end of a wire.

test('dnsmasq gives a lease, and the link, its address and the route are as it says', async (t) => {
  const folder = await temporaryFolder(t);
  const name = `mos${process.pid}`;
  const ip = (words: string) => execFileSync('ip', words.split(' '), { stdio: 'pipe' });
  for (const side of ['a', 'b']) {
    ip(`netns add ${name}${side}`);
    t.teardown(() => ip(`netns del ${name}${side}`));
  }
  // In the machine the link has no address and is down, as in an initrd.
  ip(`-n ${name}a link add wire type veth peer name eth0 netns ${name}b`);
  ip(`-n ${name}a address add 10.77.0.1/22 dev wire`);
  ip(`-n ${name}a link set wire up`);
  const given = ['--dhcp-range=10.77.1.5,10.77.1.5', '--dhcp-option=option:dns-server,10.77.0.1,10.77.0.2'];
  const files = [`--dhcp-leasefile=${join(folder, 'leases')}`, '--pid-file=', '--conf-file=/dev/null'];
  const server = spawn(
    'ip',
    ['netns', 'exec', `${name}a`, 'dnsmasq', '--keep-in-foreground', '--port=0', ...given, ...files],
    { stdio: 'ignore' },
  );
  t.teardown(async () => {
    server.kill();
    await once(server, 'close');
  });
  const program = [process.execPath, 'test/helpers/lease-in-namespace.ts', folder];
  const { stdout } = await promisify(execFile)('ip', ['netns', 'exec', `${name}b`, ...program]);
  const { lease, address, route, after, resolv } = JSON.parse(stdout);
  t.deepEqual(lease, {
    address: '10.77.1.5',
    prefix: 22,
    router: '10.77.0.1',
    nameServers: ['10.77.0.1', '10.77.0.2'],
    server: '10.77.0.1',
  });
  t.regex(address, /eth0\s+inet 10\.77\.1\.5\/22 /);
  t.regex(route, /^default via 10\.77\.0\.1 dev eth0/);
  t.is(resolv, 'nameserver 10.77.0.1\nnameserver 10.77.0.2\n');
  t.is(after, '');
});
