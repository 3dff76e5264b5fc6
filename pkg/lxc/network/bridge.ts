import { MosError } from '../../errors/index.ts';
import { type Host, readTextIfThere } from '../../host/index.ts';
import { bridge, isWithin, parseAddress } from '../../manifest/index.ts';
import { bridgeName, instanceNetwork } from './instance.ts';

/** The links of a machine as `ip -json -details address` tells them; the fields that count here. */
export type Link = {
  readonly name: string;
  /** `bridge`, `veth`; undefined for a real one. */
  readonly kind: string | undefined;
  readonly isUp: boolean;
  /** With mask. */
  readonly addresses: readonly string[];
};

type RawLink = {
  readonly ifname?: string;
  readonly flags?: readonly string[];
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
};

export const parseLinks = (text: string): Link[] =>
  (JSON.parse(text) as readonly RawLink[]).map((raw) => ({
    name: raw.ifname ?? '',
    kind: raw.linkinfo?.info_kind,
    isUp: raw.flags?.includes('UP') ?? false,
    addresses: (raw.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`),
  }));

export type BridgePlan = {
  /** Lines for `ip -batch`. */
  readonly lines: readonly string[];
  /** It was not there: it goes with the last service. */
  readonly isNew: boolean;
};

type Family = 'ipv4' | 'ipv6';

/**
 * What is missing of the bridge. One that is none, or has other addresses than ours, belongs to somebody else.
 * @param routes those families whose containers it leads to already
 */
export function planBridge(links: readonly Link[], routes: ReadonlySet<Family>): BridgePlan {
  const present = links.find(({ name }) => name === bridgeName);
  requireOurs(present, links);
  const isUsable = (family: Family) => family === 'ipv4' || hasIpv6(links);
  const families = (['ipv4', 'ipv6'] as const).filter(isUsable);
  const missing = families.filter((family) => !present?.addresses.includes(bridge[family]));
  return {
    lines: [
      ...(present === undefined ? [`link add ${bridgeName} type bridge`] : []),
      ...missing.map(
        (family) => `address add ${bridge[family]} dev ${bridgeName}${family === 'ipv6' ? ' nodad' : ''}`,
      ),
      ...(present?.isUp ? [] : [`link set ${bridgeName} up`]),
      ...families
        .filter((family) => !routes.has(family))
        .map((family) => `route replace ${instanceNetwork[family]} dev ${bridgeName}`),
    ],
    isNew: present === undefined,
  };
}

/** A kernel that was told to do without has it nowhere, not even for itself. */
export const hasIpv6 = (links: readonly Link[]): boolean =>
  links.some(({ addresses }) => addresses.includes('::1/128'));

function requireOurs(present: Link | undefined, links: readonly Link[]): void {
  const foreign = (why: string): MosError =>
    new MosError('state', `cannot use ${bridgeName} for services: ${why}`, {
      hint: `${bridgeName} must be a bridge with ${bridge.ipv4}, or not be there: then it is made`,
    });
  const network = parseAddress(bridge.ipv4);
  const isInNetwork = (text: string): boolean => {
    const address = parseAddress(text);
    return address !== undefined && network !== undefined && isWithin(address, network);
  };
  if (present !== undefined && present.kind !== 'bridge') throw foreign('it is no bridge');
  const other = present?.addresses.find((text) => !text.includes(':') && !isInNetwork(text));
  if (other !== undefined) throw foreign(`it has the address ${other}`);
  for (const { name, addresses } of links)
    if (name !== bridgeName && addresses.some(isInNetwork))
      throw foreign(`${name} has an address of ${bridge.ipv4} already`);
}

/** proc_pid_net(5): the start of a line of /proc/net/route up to the interface, and of ipv6_route up to the length of the prefix. */
const ownRoutes = {
  ipv4: (line: string) => /^lxcbr0\t000312C6\t00000000\t(?:[^\t]*\t){4}00FFFFFF\t/.test(line),
  ipv6: (line: string) => /^fd6d6f73000400000000000000000000 40 .* lxcbr0$/.test(line.trim()),
} as const;
const routeFiles = { ipv4: '/proc/net/route', ipv6: '/proc/net/ipv6_route' } as const;

/** Texts of /proc/net/route and ipv6_route: whether the bridge leads to the addresses of containers. */
export const parseRoutes = (texts: Readonly<Record<Family, string>>): Set<Family> =>
  new Set((['ipv4', 'ipv6'] as const).filter((family) => texts[family].split('\n').some(ownRoutes[family])));

export async function readRoutes(host: Host): Promise<Set<Family>> {
  const read = async (family: Family) => (await readTextIfThere(host, routeFiles[family])) ?? '';
  const [ipv4, ipv6] = await Promise.all([read('ipv4'), read('ipv6')]);
  return parseRoutes({ ipv4, ipv6 });
}

export async function readLinks(host: Host): Promise<Link[]> {
  const { stdout } = await host.processes.query(['ip', '-json', '-details', 'address']);
  return parseLinks(Buffer.from(stdout).toString());
}

export async function applyLines(host: Host, lines: readonly string[]): Promise<void> {
  if (lines.length > 0)
    await host.processes.run(['ip', '-batch', '-'], { input: lines.map((line) => `${line}\n`).join('') });
}
