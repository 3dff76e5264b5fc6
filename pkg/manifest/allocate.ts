import { MosError } from '../errors/index.ts';
import { type Address, isWithin, parseAddress, renderAddress } from './address.ts';
import type { NsGroup, ServiceName } from './names.ts';

/** The ids of one nsgroup start here on the host; container id 0 is this one. */
export type IdRange = { readonly start: number; readonly count: number };
export type ServiceAddress = { readonly ipv4: string; readonly ipv6: string };

/**
 * All that was ever given out on this machine. Only grows: what lies in a volume or in somebody's firewall rules
 * outlives the service it was given to (FORMATS 9: never reused).
 */
export type Allocations = {
  /** First id of the range of each nsgroup. */
  readonly nsgroups: ReadonlyMap<NsGroup, number>;
  readonly addresses: ReadonlyMap<ServiceName, ServiceAddress>;
};
export const noAllocations: Allocations = { nsgroups: new Map(), addresses: new Map() };

/** FORMATS 9. Ids are 32 bits wide and the last one, (uid_t) -1, means "no change" in chown(2). */
export const idRanges = { first: 100_000, size: 65_536, end: 0xffff_ffff } as const;
/** The bridge lxcbr0 has the first address of each network. The IPv6 one is ours: unique local (RFC 4193). */
export const bridge = { ipv4: '10.0.3.1/24', ipv6: 'fd6d:6f73:3::1/64' } as const;

const bridgeAddress = (family: 'ipv4' | 'ipv6'): Address => {
  const address = parseAddress(bridge[family]);
  if (address === undefined) throw new MosError('internal', `cannot read ${bridge[family]} as an address`);
  return address;
};
export const overlaps = (a: IdRange, b: IdRange): boolean =>
  a.start < b.start + b.count && b.start < a.start + a.count;

/** Why an address of a service can't be on the bridge; undefined where it can. */
export function bridgeProblem(family: 'ipv4' | 'ipv6', text: string): string | undefined {
  const network = bridgeAddress(family);
  const address = parseAddress(text);
  if (address === undefined || !isWithin(address, network))
    return `is ${text}, which is not in the network of the bridge ${bridge[family]}`;
  if (address.bits !== network.bits && address.bits !== network.width)
    return `is ${text}, but the network of the bridge is ${bridge[family]}`;
  const host = address.value - (network.value - 1n);
  const isBroadcast = family === 'ipv4' && host === 255n;
  return host < 2n || isBroadcast ? `is ${text}, which the bridge needs itself` : undefined;
}

/** Text of /etc/subuid or /etc/subgid (subuid(5)): `name:start:count` a line; other lines are passed over. */
export const parseSubordinateIds = (text: string): IdRange[] =>
  text.split('\n').flatMap((line) => {
    const match = /^[^:#]+:(\d{1,10}):(\d{1,10})\s*$/.exec(line);
    return match === null ? [] : [{ start: Number(match[1]), count: Number(match[2]) }];
  });

/** The table with a range for `nsgroup`: the one it has, else the first free one from 100000 on. */
export function allocateRange(
  table: Allocations,
  nsgroup: NsGroup,
  hostRanges: readonly IdRange[],
): Allocations {
  if (table.nsgroups.has(nsgroup)) return table;
  const taken = [
    ...hostRanges,
    ...[...table.nsgroups.values()].map((start) => ({ start, count: idRanges.size })),
  ];
  let start: number = idRanges.first;
  for (;;) {
    const range = { start, count: idRanges.size };
    const blocker = taken.find((other) => overlaps(range, other));
    if (blocker === undefined) break;
    start = blocker.start + blocker.count;
  }
  if (start + idRanges.size > idRanges.end)
    throw new MosError('no-space', `cannot give ids to the nsgroup ${nsgroup}: all ranges are taken`);
  return { ...table, nsgroups: new Map([...table.nsgroups, [nsgroup, start]]) };
}

/** Who wants an address: what its signed manifest states ("" where the machine chooses). */
export type AddressWish = { readonly service: ServiceName; readonly stated: ServiceAddress };

/**
 * The table with addresses for every service on the bridge: those that its signed manifest states, else those it has,
 * else the first that nobody ever had. A stated address that only a service of the past had changes its owner.
 */
export function allocateAddresses(table: Allocations, wishes: readonly AddressWish[]): Allocations {
  const present = new Set(wishes.map((wish) => wish.service));
  const families = ['ipv4', 'ipv6'] as const;
  const chosen = new Map(wishes.map(({ service }) => [service, { ipv4: '', ipv6: '' }]));
  for (const family of families) {
    const owners = new Map(
      [...table.addresses].map(([service, address]) => [address[family], service] as const),
    );
    const given = new Set(owners.keys());
    const give = (service: ServiceName, address: string): void => {
      owners.set(address, service);
      given.add(address);
      const mine = chosen.get(service);
      if (mine !== undefined) mine[family] = address;
    };
    for (const { service, stated } of wishes) {
      if (stated[family] === '') continue;
      const address = onBridge(family, service, stated[family]);
      const owner = owners.get(address);
      if (owner !== undefined && owner !== service && present.has(owner))
        throw new MosError('state', `cannot give ${address} to ${service}: this machine gave it to ${owner}`);
      give(service, address);
    }
    for (const { service, stated } of wishes) {
      const own = table.addresses.get(service)?.[family];
      if (stated[family] !== '') continue;
      const isKept = own !== undefined && owners.get(own) === service;
      give(service, isKept ? own : firstFree(family, service, (address) => !given.has(address)));
    }
  }
  return withAddresses(table, chosen);
}

/** The table in which these addresses belong to these services and to nobody else. */
export function withAddresses(
  table: Allocations,
  given: ReadonlyMap<ServiceName, ServiceAddress>,
): Allocations {
  const taken = new Set([...given.values()].flatMap((address) => [address.ipv4, address.ipv6]));
  const others = [...table.addresses].filter(
    ([service, address]) => !given.has(service) && !taken.has(address.ipv4) && !taken.has(address.ipv6),
  );
  return { ...table, addresses: new Map([...others, ...given]) };
}

/** The table in which `nsgroup` has the range from `start`; what contradicts the table is corrupt. */
export function withRange(table: Allocations, nsgroup: NsGroup, start: number): Allocations {
  const known = table.nsgroups.get(nsgroup);
  if (known === start) return table;
  const range = { start, count: idRanges.size };
  for (const [other, otherStart] of table.nsgroups)
    if (other === nsgroup || overlaps(range, { start: otherStart, count: idRanges.size }))
      throw new MosError(
        'corrupt',
        `cannot use the ids from ${start} for the nsgroup ${nsgroup}: the ids from ${otherStart} belong to ${other}`,
      );
  return { ...table, nsgroups: new Map([...table.nsgroups, [nsgroup, start]]) };
}

/** A stated address with the mask of the bridge. */
export function onBridge(family: 'ipv4' | 'ipv6', service: ServiceName, text: string): string {
  const problem = bridgeProblem(family, text);
  const address = parseAddress(text);
  if (problem !== undefined || address === undefined)
    throw new MosError('invalid', `cannot use the address of ${service}: it ${problem ?? 'is none'}`);
  return renderAddress({ ...address, bits: bridgeAddress(family).bits });
}

function firstFree(family: 'ipv4' | 'ipv6', service: ServiceName, isFree: (text: string) => boolean): string {
  const network = bridgeAddress(family);
  const last = family === 'ipv4' ? 253n : 0xffffn;
  for (let step = 1n; step <= last; step++) {
    const text = renderAddress({ ...network, value: network.value + step });
    if (isFree(text)) return text;
  }
  throw new MosError(
    'no-space',
    `cannot give an address to ${service}: all of ${bridge[family]} were given out`,
  );
}
