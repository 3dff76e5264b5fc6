import test from 'ava';
import { type Link, parseLinks, parseRoutes, planBridge } from '../../../pkg/lxc/network/bridge.ts';

const lo: Link = { name: 'lo', kind: undefined, isUp: true, addresses: ['127.0.0.1/8', '::1/128'] };
const ours: Link = {
  name: 'lxcbr0',
  kind: 'bridge',
  isUp: true,
  addresses: ['10.0.3.1/24', 'fd6d:6f73:3::1/64', 'fe80::1/64'],
};
const routes = ['route replace 198.18.3.0/24 dev lxcbr0', 'route replace fd6d:6f73:4::/64 dev lxcbr0'];

const none = new Set<'ipv4' | 'ipv6'>();

test('what ip says becomes links', (t) => {
  const text = `[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP"],"addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8}]},
    {"ifname":"lxcbr0","flags":["BROADCAST"],"linkinfo":{"info_kind":"bridge"},"addr_info":[]}]`;
  t.deepEqual(parseLinks(text), [
    { name: 'lo', kind: undefined, isUp: true, addresses: ['127.0.0.1/8'] },
    { name: 'lxcbr0', kind: 'bridge', isUp: false, addresses: [] },
  ]);
});

test('a bridge that is not there is made', (t) => {
  t.deepEqual(planBridge([lo], none), {
    isNew: true,
    lines: [
      'link add lxcbr0 type bridge',
      'address add 10.0.3.1/24 dev lxcbr0',
      'address add fd6d:6f73:3::1/64 dev lxcbr0 nodad',
      'link set lxcbr0 up',
      ...routes,
    ],
  });
});

test('one that is there gets what it lacks', (t) => {
  t.deepEqual(planBridge([lo, ours], none), { isNew: false, lines: routes });
  t.deepEqual(planBridge([lo, { ...ours, isUp: false, addresses: ['10.0.3.1/24'] }], none), {
    isNew: false,
    lines: ['address add fd6d:6f73:3::1/64 dev lxcbr0 nodad', 'link set lxcbr0 up', ...routes],
  });
});

test('routes that are there are left as they are', (t) => {
  const ipv4 =
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\nlxcbr0\t000312C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0   \n';
  const ipv6 = `fd6d6f73000400000000000000000000 40 ${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00000400 00000001 00000000 00000001   lxcbr0\n`;
  t.deepEqual(parseRoutes({ ipv4, ipv6 }), new Set(['ipv4', 'ipv6'] as const));
  const other = { ipv4: ipv4.replace('00FFFFFF', '0000FFFF'), ipv6: ipv6.replace('lxcbr0', 'eth0') };
  t.deepEqual(parseRoutes(other), new Set());
  t.deepEqual(planBridge([lo, ours], new Set(['ipv4'])).lines, routes.slice(1));
  t.deepEqual(planBridge([lo, ours], new Set(['ipv4', 'ipv6'])).lines, []);
});

test('a kernel without IPv6 is asked for none', (t) => {
  t.deepEqual(planBridge([{ ...lo, addresses: ['127.0.0.1/8'] }], none).lines, [
    'link add lxcbr0 type bridge',
    'address add 10.0.3.1/24 dev lxcbr0',
    'link set lxcbr0 up',
    'route replace 198.18.3.0/24 dev lxcbr0',
  ]);
});

const foreign = test.macro((t, links: readonly Link[], why: string) => {
  t.throws(() => planBridge([lo, ...links], none), {
    code: 'state',
    message: `cannot use lxcbr0 for services: ${why}`,
  });
});
test('refused: no bridge', foreign, [{ ...ours, kind: 'veth' }], 'it is no bridge');
test(
  'refused: the bridge of another network',
  foreign,
  [{ ...ours, addresses: ['192.0.2.1/24'] }],
  'it has the address 192.0.2.1/24',
);
test(
  'refused: the network is elsewhere',
  foreign,
  [{ name: 'eth1', kind: undefined, isUp: true, addresses: ['10.0.3.9/16'] }],
  'eth1 has an address of 10.0.3.1/24 already',
);
