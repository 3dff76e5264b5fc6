import { bridge } from '../../manifest/index.ts';

/** A port of the host that leads to one of a service. */
export type ForwardedPort = {
  readonly host: number;
  readonly container: number;
  readonly protocol: 'tcp' | 'udp';
};

/**
 * One running container of a service on the bridge. The persistent addresses belong to the service, `slot` to this container:
 * while a service is being updated there are two, and the rules lead the persistent addresses and the ports to the active one.
 */
export type Instance = {
  /** The runtime folder of the machine that runs it; several machines may share one bridge. */
  readonly machine: string;
  readonly service: string;
  /** LXC's name of this container. */
  readonly container: string;
  /** Its runtime folder: where that is gone, nobody will ever take the container from the network. */
  readonly folder?: string;
  /** From 2 to 254. */
  readonly slot: number;
  /** Without mask. */
  readonly ipv4: string;
  readonly ipv6: string;
  readonly ports: readonly ForwardedPort[];
  readonly isActive: boolean;
  /** It is about to end: nothing new comes to it. */
  readonly isPaused?: boolean;
};

export const bridgeName = 'lxcbr0';
export const bridgeAddress = {
  ipv4: bridge.ipv4.slice(0, bridge.ipv4.indexOf('/')),
  ipv6: bridge.ipv6.slice(0, bridge.ipv6.indexOf('/')),
} as const;

/**
 * The addresses of containers, which nobody sees but the rules: of the range for benchmarks (RFC 2544), which no
 * network of a machine is likely to have, and unique local ones (RFC 4193).
 */
export const instanceNetwork = { ipv4: '198.18.3.0/24', ipv6: 'fd6d:6f73:4::/64' } as const;
export const slots = { first: 2, last: 254 } as const;

export const addressOf = (slot: number): { readonly ipv4: string; readonly ipv6: string } => ({
  ipv4: `198.18.3.${slot}`,
  ipv6: `fd6d:6f73:4::${slot.toString(16)}`,
});

/** Locally administered. The same for each container of a slot: the host goes on knowing it when one follows another. */
export const hardwareAddressOf = (slot: number): string =>
  `02:6d:6f:73:00:${slot.toString(16).padStart(2, '0')}`;

/** The host's end of its wire. */
export const wireOf = (slot: number): string => `mos${slot}`;
