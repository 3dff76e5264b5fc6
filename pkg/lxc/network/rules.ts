import {
  addressOf,
  bridgeAddress,
  bridgeName,
  type ForwardedPort,
  type Instance,
  instanceNetwork,
} from './instance.ts';

const families = [
  { word: 'ip', of: 'ipv4' },
  { word: 'ip6', of: 'ipv6' },
] as const;
type Family = (typeof families)[number];

/** Takes the table away, whether it is there or not; the first line of each new one, so that the swap is one transaction. */
export const noRules = 'table inet mos\ndelete table inet mos\n';

/** The whole nftables table: what leads where is told by the active instances, and by nothing else. */
export function renderRules(instances: readonly Instance[]): string {
  const active = instances.filter(({ isActive }) => isActive).sort((a, b) => a.slot - b.slot);
  const forwards = portRules(active);
  const zones = zoneRules(active);
  const inside = families.flatMap((family) => addressRule(family, active));
  return [
    noRules,
    'table inet mos {\n',
    chain('foreign', 'filter hook prerouting priority raw', [
      // route_localnet is set for the bridge: nobody there may use it.
      `iifname "${bridgeName}" ip daddr 127.0.0.0/8 drop`,
      ...zones,
    ]),
    ...(zones.length === 0 ? [] : [chain('asked_by_host', 'filter hook output priority raw', zones)]),
    chain('arriving', 'nat hook prerouting priority dstnat', [
      ...inside.map((rule) => `iifname "${bridgeName}" ${rule}`),
      ...forwards,
    ]),
    chain('from_host', 'nat hook output priority -100', [...inside, ...forwards]),
    ...loopbackChains(active),
    chain('telling', 'filter hook output priority filter', [
      ...families.flatMap((family) => pauseRule(family, active)),
      // Packets between services go back over the wire they came from: a shorter way would be past these rules.
      `oifname "${bridgeName}" icmp type redirect drop`,
      `oifname "${bridgeName}" icmpv6 type nd-redirect drop`,
    ]),
    chain('leaving', 'nat hook postrouting priority srcnat', [
      `oifname "${bridgeName}" ip saddr 127.0.0.0/8 masquerade`,
      ...families.flatMap((family) => ownAddressRule(family, active)),
      ...families.map(
        ({ word, of }) => `oifname != "${bridgeName}" ${word} saddr ${instanceNetwork[of]} masquerade`,
      ),
    ]),
    // Protocols by number (ICMP, ICMPv6, TCP, UDP): a machine need not have /etc/protocols.
    chain('to_host', 'filter hook input priority filter', [
      `iifname "${bridgeName}" ct state established,related accept`,
      `iifname "${bridgeName}" meta l4proto { 1, 58 } accept`,
      `iifname "${bridgeName}" meta l4proto { 6, 17 } th dport 53 accept`,
      `iifname "${bridgeName}" drop`,
    ]),
    chain('through', 'filter hook forward priority filter', [
      `oifname "${bridgeName}" ct state established,related accept`,
      ...families.flatMap((family) => pauseRule(family, active)),
      `oifname "${bridgeName}" ct status dnat accept`,
      `oifname "${bridgeName}" drop`,
    ]),
    '}\n',
  ].join('');
}

const chain = (name: string, hook: string, rules: readonly string[]): string =>
  `\tchain ${name} {\n\t\ttype ${hook}; policy accept;\n${rules.map((rule) => `\t\t${rule}\n`).join('')}\t}\n`;

/**
 * The kernel takes a reply for ::1 from no other interface than lo, and has no route_localnet for IPv6. So who asks ::1 for a port
 * of a service asks as the bridge, before connections are tracked, and the reply is ::1's again after that (srcnat is 100).
 */
function loopbackChains(active: readonly Instance[]): string[] {
  const rules = (['tcp', 'udp'] as const).flatMap((protocol) => {
    const ports = active.flatMap((one) => one.ports.filter((port) => port.protocol === protocol));
    const all = map(ports.map(({ host }) => `${host}`));
    return ports.length === 0
      ? []
      : [`ip6 saddr ::1 ip6 daddr ::1 ${protocol} dport ${all} ip6 saddr set ${bridgeAddress.ipv6}`];
  });
  if (rules.length === 0) return [];
  const back = `iifname "${bridgeName}" ip6 saddr ::1 ip6 daddr ${bridgeAddress.ipv6} ip6 daddr set ::1`;
  return [
    chain('from_loopback', 'filter hook output priority raw', rules),
    chain('to_loopback', 'filter hook input priority 200', [back]),
  ];
}

/**
 * Who goes on asking over UDP from one port has one connection, as the kernel sees it, and that leads to a container that has ended, or
 * to another service that has its slot by now. So what is asked of each container is in a zone of its own, which replies are not.
 */
function zoneRules(active: readonly Instance[]): string[] {
  const ports = active.flatMap(({ slot, ports }) =>
    ports.filter(({ protocol }) => protocol === 'udp').map(({ host }) => ({ slot, host })),
  );
  if (ports.length === 0) return [];
  const asked = active.filter(({ slot }) => ports.some((port) => port.slot === slot));
  return [
    ...families.map(
      ({ word, of }) =>
        `meta l4proto 17 ct original zone set ${word} daddr map ${map(asked.map((one) => `${one[of]} : ${one.slot}`))}`,
    ),
    `fib daddr type local ct original zone set udp dport map ${map(ports.map(({ host, slot }) => `${host} : ${slot}`))}`,
  ];
}

const map = (pairs: readonly string[]): string => `{ ${pairs.join(', ')} }`;

/** The persistent address leads to the container. */
const addressRule = ({ word, of }: Family, active: readonly Instance[]): string[] =>
  active.length === 0
    ? []
    : [
        `dnat ${word} to ${word} daddr map ${map(active.map((one) => `${one[of]} : ${addressOf(one.slot)[of]}`))}`,
      ];

/**
 * What is dropped before it leaves is asked again by TCP a second later, and is not remembered as led to the one that ended. By
 * address alone: where a packet of the host itself goes out, the hook does not see once it is led elsewhere.
 */
function pauseRule({ word, of }: Family, active: readonly Instance[]): string[] {
  const paused = active.filter(({ isPaused }) => isPaused).map(({ slot }) => addressOf(slot)[of]);
  return paused.length === 0 ? [] : [`${word} daddr ${map(paused)} ct state new drop`];
}

/** Other services see the persistent address. */
const ownAddressRule = ({ word, of }: Family, active: readonly Instance[]): string[] =>
  active.length === 0
    ? []
    : [
        `oifname "${bridgeName}" snat ${word} to ${word} saddr map ${map(active.map((one) => `${addressOf(one.slot)[of]} : ${one[of]}`))}`,
      ];

/** A port of any address of the host leads to the container. */
function portRules(active: readonly Instance[]): string[] {
  return families.flatMap(({ word, of }) =>
    (['tcp', 'udp'] as const).flatMap((protocol) => {
      const pairs = active.flatMap((one) =>
        one.ports
          .filter((port) => port.protocol === protocol)
          .map((port: ForwardedPort) => `${port.host} : ${addressOf(one.slot)[of]} . ${port.container}`),
      );
      return pairs.length === 0
        ? []
        : [`fib daddr type local dnat ${word} to ${protocol} dport map ${map(pairs)}`];
    }),
  );
}
