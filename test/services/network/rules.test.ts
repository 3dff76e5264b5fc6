import test from 'ava';
import type { Instance } from '../../../pkg/lxc/network/instance.ts';
import { renderHosts } from '../../../pkg/lxc/network/names.ts';
import { noRules, renderRules } from '../../../pkg/lxc/network/rules.ts';

const web: Instance = {
  machine: '/run/mos',
  service: 'web',
  container: 'web',
  slot: 2,
  ipv4: '10.0.3.5',
  ipv6: 'fd6d:6f73:3::5',
  ports: [
    { host: 80, container: 8080, protocol: 'tcp' },
    { host: 53, container: 53, protocol: 'udp' },
  ],
  isActive: true,
};
const db: Instance = {
  ...web,
  service: 'db',
  container: 'db',
  slot: 11,
  ipv4: '10.0.3.6',
  ipv6: 'fd6d:6f73:3::6',
  ports: [],
};

test('the table as a whole', (t) => {
  t.is(
    renderRules([db, web]),
    `table inet mos
delete table inet mos
table inet mos {
	chain foreign {
		type filter hook prerouting priority raw; policy accept;
		iifname "lxcbr0" ip daddr 127.0.0.0/8 drop
		meta l4proto 17 ct original zone set ip daddr map { 10.0.3.5 : 2 }
		meta l4proto 17 ct original zone set ip6 daddr map { fd6d:6f73:3::5 : 2 }
		fib daddr type local ct original zone set udp dport map { 53 : 2 }
	}
	chain asked_by_host {
		type filter hook output priority raw; policy accept;
		meta l4proto 17 ct original zone set ip daddr map { 10.0.3.5 : 2 }
		meta l4proto 17 ct original zone set ip6 daddr map { fd6d:6f73:3::5 : 2 }
		fib daddr type local ct original zone set udp dport map { 53 : 2 }
	}
	chain arriving {
		type nat hook prerouting priority dstnat; policy accept;
		iifname "lxcbr0" dnat ip to ip daddr map { 10.0.3.5 : 198.18.3.2, 10.0.3.6 : 198.18.3.11 }
		iifname "lxcbr0" dnat ip6 to ip6 daddr map { fd6d:6f73:3::5 : fd6d:6f73:4::2, fd6d:6f73:3::6 : fd6d:6f73:4::b }
		fib daddr type local dnat ip to tcp dport map { 80 : 198.18.3.2 . 8080 }
		fib daddr type local dnat ip to udp dport map { 53 : 198.18.3.2 . 53 }
		fib daddr type local dnat ip6 to tcp dport map { 80 : fd6d:6f73:4::2 . 8080 }
		fib daddr type local dnat ip6 to udp dport map { 53 : fd6d:6f73:4::2 . 53 }
	}
	chain from_host {
		type nat hook output priority -100; policy accept;
		dnat ip to ip daddr map { 10.0.3.5 : 198.18.3.2, 10.0.3.6 : 198.18.3.11 }
		dnat ip6 to ip6 daddr map { fd6d:6f73:3::5 : fd6d:6f73:4::2, fd6d:6f73:3::6 : fd6d:6f73:4::b }
		fib daddr type local dnat ip to tcp dport map { 80 : 198.18.3.2 . 8080 }
		fib daddr type local dnat ip to udp dport map { 53 : 198.18.3.2 . 53 }
		fib daddr type local dnat ip6 to tcp dport map { 80 : fd6d:6f73:4::2 . 8080 }
		fib daddr type local dnat ip6 to udp dport map { 53 : fd6d:6f73:4::2 . 53 }
	}
	chain from_loopback {
		type filter hook output priority raw; policy accept;
		ip6 saddr ::1 ip6 daddr ::1 tcp dport { 80 } ip6 saddr set fd6d:6f73:3::1
		ip6 saddr ::1 ip6 daddr ::1 udp dport { 53 } ip6 saddr set fd6d:6f73:3::1
	}
	chain to_loopback {
		type filter hook input priority 200; policy accept;
		iifname "lxcbr0" ip6 saddr ::1 ip6 daddr fd6d:6f73:3::1 ip6 daddr set ::1
	}
	chain telling {
		type filter hook output priority filter; policy accept;
		oifname "lxcbr0" icmp type redirect drop
		oifname "lxcbr0" icmpv6 type nd-redirect drop
	}
	chain leaving {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "lxcbr0" ip saddr 127.0.0.0/8 masquerade
		oifname "lxcbr0" snat ip to ip saddr map { 198.18.3.2 : 10.0.3.5, 198.18.3.11 : 10.0.3.6 }
		oifname "lxcbr0" snat ip6 to ip6 saddr map { fd6d:6f73:4::2 : fd6d:6f73:3::5, fd6d:6f73:4::b : fd6d:6f73:3::6 }
		oifname != "lxcbr0" ip saddr 198.18.3.0/24 masquerade
		oifname != "lxcbr0" ip6 saddr fd6d:6f73:4::/64 masquerade
	}
	chain to_host {
		type filter hook input priority filter; policy accept;
		iifname "lxcbr0" ct state established,related accept
		iifname "lxcbr0" meta l4proto { 1, 58 } accept
		iifname "lxcbr0" meta l4proto { 6, 17 } th dport 53 accept
		iifname "lxcbr0" drop
	}
	chain through {
		type filter hook forward priority filter; policy accept;
		oifname "lxcbr0" ct state established,related accept
		oifname "lxcbr0" ct status dnat accept
		oifname "lxcbr0" drop
	}
}
`,
  );
});

test('nothing leads to an instance that is not active, and no name of it is told', (t) => {
  const waiting = { ...web, slot: 3, isActive: false };
  t.is(renderRules([web, waiting]), renderRules([web]));
  t.is(renderHosts([web, waiting]), renderHosts([web]));
});

test('nothing new comes to an instance that is about to end, from the host or through it', (t) => {
  const lines = (instance: Instance) => renderRules([instance]).split('\n');
  const usual = lines(web);
  t.deepEqual(
    lines({ ...web, isPaused: true }).filter((line) => !usual.includes(line)),
    [
      '\t\tip daddr { 198.18.3.2 } ct state new drop',
      '\t\tip6 daddr { fd6d:6f73:4::2 } ct state new drop',
      '\t\tip daddr { 198.18.3.2 } ct state new drop',
      '\t\tip6 daddr { fd6d:6f73:4::2 } ct state new drop',
    ],
  );
});

test('without active instances there are no maps, which nft would refuse', (t) => {
  t.false(renderRules([{ ...web, isActive: false }]).includes('map'));
  t.true(renderRules([]).startsWith(noRules));
});

test('names are told in order', (t) => {
  t.is(renderHosts([web, db]), '10.0.3.6 db\nfd6d:6f73:3::6 db\n10.0.3.5 web\nfd6d:6f73:3::5 web\n');
});
