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

const head =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

test('what listens for tcp is in the table of the kernel, with what is connected', (t) => {
  const text = `${head}   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 61 1 0
   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 62 1 0
   2: 00000000000000000000000000000000:1F91 00000000000000000000000000000000:0000 0A 0 0 0     0        0 63 1 0
`;
  t.deepEqual(parseListeners(text, 'tcp'), ['tcp/22', 'tcp/8081']);
});

test('what waits for udp from anybody is in its table, with what is connected', (t) => {
  const text = `${head}  100: 0100007F:0143 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 64 2 0 0
  101: 0100007F:C350 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 65 2 0 0
`;
  t.deepEqual(parseListeners(text, 'udp'), ['udp/323']);
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
