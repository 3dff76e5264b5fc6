import type { Entry } from '../config.ts';
import { addressOf, bridgeAddress, bridgeName, hardwareAddressOf, wireOf } from './instance.ts';

/** The end of a wire inside its container: one address, and everything else by the host, so that its rules see all of it. */
export type Attachment = {
  readonly slot: number;
  /** The persistent addresses: inside the container they are its own. */
  readonly ipv4: string;
  readonly ipv6: string;
  readonly hasIpv6: boolean;
  /** resolv.conf(5) that names the bridge's name server. */
  readonly resolver: string;
};

export function networkEntries({ slot, hasIpv6, resolver, ...persistent }: Attachment): Entry[] {
  const { ipv4, ipv6 } = addressOf(slot);
  return [
    ['lxc.net.0.type', 'veth'],
    ['lxc.net.0.link', bridgeName],
    ['lxc.net.0.flags', 'up'],
    ['lxc.net.0.name', 'eth0'],
    ['lxc.net.0.hwaddr', hardwareAddressOf(slot)],
    ['lxc.net.0.veth.pair', wireOf(slot)],
    ['lxc.net.0.ipv4.address', `${ipv4}/32`],
    // Second, so that it is not what packets are sent from: who asks for itself is answered here.
    ['lxc.net.0.ipv4.address', `${persistent.ipv4}/32`],
    ['lxc.net.0.ipv4.gateway', bridgeAddress.ipv4],
    ...(hasIpv6
      ? [
          ['lxc.net.0.ipv6.address', `${ipv6}/128`] as const,
          ['lxc.net.0.ipv6.address', `${persistent.ipv6}/128`] as const,
          ['lxc.net.0.ipv6.gateway', bridgeAddress.ipv6] as const,
        ]
      : []),
    ['lxc.mount.entry', `${resolver} etc/resolv.conf none bind,ro,create=file 0 0`],
  ];
}
