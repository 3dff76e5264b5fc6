import type { ForwardedPort, Instance } from './instance.ts';

/** `tcp/8080` */
const keyOf = ({ host, protocol }: Pick<ForwardedPort, 'host' | 'protocol'>): string => `${protocol}/${host}`;

/** proc_pid_net(5); include/net/tcp_states.h: TCP_LISTEN, and TCP_CLOSE for an udp socket that is connected to nobody. */
const listening = { tcp: '0A', udp: '07' } as const;

/** Text of /proc/net/tcp, tcp6, udp or udp6: what listens on this host, as `tcp/22`. */
export const parseListeners = (text: string, protocol: ForwardedPort['protocol']): string[] =>
  text.split('\n').flatMap((line) => {
    const [, local, , state] = line.trim().split(/\s+/);
    const port = /:([0-9A-F]{4})$/.exec(local ?? '')?.[1];
    if (port === undefined || state !== listening[protocol]) return [];
    return [keyOf({ host: Number.parseInt(port, 16), protocol })];
  });

/** What a new instance of a service wants for itself. */
export type Claim = Pick<
  Instance,
  'machine' | 'service' | 'container' | 'folder' | 'ipv4' | 'ipv6' | 'ports'
>;

/** Why a service can't start beside those that run; undefined where it can. Its own instances are no trouble. */
export function findConflict(
  claim: Claim,
  instances: readonly Instance[],
  listeners: ReadonlySet<string>,
): string | undefined {
  const others = instances.filter(
    ({ machine, service }) => machine !== claim.machine || service !== claim.service,
  );
  for (const other of others) {
    const whose = other.machine === claim.machine ? other.service : `${other.service} of another machine`;
    if (other.ipv4 === claim.ipv4 || other.ipv6 === claim.ipv6)
      return `the address ${other.ipv4 === claim.ipv4 ? claim.ipv4 : claim.ipv6} belongs to ${whose}, which runs here`;
    const taken = new Set(other.ports.map(keyOf));
    const port = claim.ports.find((one) => taken.has(keyOf(one)));
    if (port !== undefined) return `port ${port.host} (${port.protocol}) of the host leads to ${whose}`;
  }
  const taken = claim.ports.find((one) => listeners.has(keyOf(one)));
  if (taken === undefined) return undefined;
  return `a program of the host listens on port ${taken.host} (${taken.protocol})`;
}
