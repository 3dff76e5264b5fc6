import test from 'ava';
import { type Claim, findConflict, parseListeners } from '../../../pkg/lxc/network/ports.ts';

const claim: Claim = {
  machine: '/run/mos',
  service: 'web',
  container: 'web',
  ipv4: '10.0.3.5',
  ipv6: 'fd6d:6f73:3::5',
  ports: [{ host: 80, container: 8080, protocol: 'tcp' }],
};
const db: Claim = {
  ...claim,
  service: 'db',
  container: 'db',
  ipv4: '10.0.3.6',
  ipv6: 'fd6d:6f73:3::6',
  ports: [],
};
const running = (one: Claim) => ({ ...one, slot: 2, isActive: true });

test('what listens is read from ss', (t) => {
  const text = `udp   UNCONN 0      0          127.0.0.1:323        0.0.0.0:*
tcp   LISTEN 0      4096         0.0.0.0:22         0.0.0.0:*
tcp   LISTEN 0      511            [::]:80              [::]:*
`;
  t.deepEqual([...parseListeners(text)], ['udp/323', 'tcp/22', 'tcp/80']);
});

const conflict = test.macro((t, others: readonly Claim[], listeners: readonly string[], why?: string) => {
  t.is(findConflict(claim, others.map(running), new Set(listeners)), why);
});
test('none with nobody', conflict, [], []);
test('none with itself', conflict, [claim], []);
test('none with another port of another protocol', conflict, [db], ['udp/80', 'tcp/81']);
test(
  'a port of another service',
  conflict,
  [{ ...db, ports: claim.ports }],
  [],
  'port 80 (tcp) of the host leads to db',
);
test(
  'an address of another machine',
  conflict,
  [{ ...claim, machine: '/run/mos/roots/1' }],
  [],
  'the address 10.0.3.5 belongs to web of another machine, which runs here',
);
test('a program of the host', conflict, [], ['tcp/80'], 'a program of the host listens on port 80 (tcp)');
