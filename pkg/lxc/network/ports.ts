import type { ForwardedPort, Instance } from './instance.ts';

/** `tcp/8080` */
const keyOf = ({ host, protocol }: Pick<ForwardedPort, 'host' | 'protocol'>): string => `${protocol}/${host}`;

/** Text of `ss -Hltun`: what listens on this host, as `tcp/22`. */
export const parseListeners = (text: string): Set<string> =>
  new Set(
    text.split('\n').flatMap((line) => {
      const [protocol, , , , local] = line.trim().split(/\s+/);
      const port = /:(\d+)$/.exec(local ?? '')?.[1];
      return port === undefined || protocol === undefined ? [] : [`${protocol}/${port}`];
    }),
  );

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
