import type { Digest } from '../oci/index.ts';
import { parseAddress } from './address.ts';
import { type Capability, capabilityNames } from './capabilities.ts';
import {
  defaulted,
  type Findings,
  flag,
  integer,
  list,
  mapping,
  oneOf,
  optional,
  type Path,
  type Reader,
  record,
  refuse,
  text,
} from './fields.ts';
import {
  isHostIds,
  isName,
  type NameKind,
  type NsGroup,
  names,
  reservedLabels,
  type ServiceName,
  type VolumeLabel,
} from './names.ts';
import { parseMebibytes } from './size.ts';

export type ServiceType = 'hostfs' | 'container' | 'fs-only';
export type NetworkType = 'host' | 'none' | 'simple';
export type Port = { readonly host: number; readonly container: number; readonly protocol?: 'tcp' | 'udp' };
/** `ipv4` and `ipv6` are "" where the machine chooses. */
export type Network = {
  readonly type: NetworkType;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly ports: readonly Port[];
};
export type StorageUse = { readonly dest: string; readonly label: VolumeLabel };
/** A storage volume; `size` in MiB. */
export type Volume = {
  readonly label: VolumeLabel;
  readonly persistent: boolean;
  readonly nsgroup: NsGroup | '' | 'none';
  readonly size: number;
};
/** How a service says that it is well: one of exec, http, tcp. Times in seconds. */
export type Health = {
  readonly exec?: readonly string[];
  readonly http?: { readonly port: number; readonly path: string };
  readonly tcp?: { readonly port: number };
  readonly interval?: number;
  readonly timeout?: number;
  readonly retries?: number;
  readonly start_period?: number;
};
/** Limits; memory and disk (what it writes outside of its volumes) in MiB, cpu in hundredths of one processor. */
export type Resources = {
  readonly memory?: number;
  readonly cpu?: number;
  readonly pids?: number;
  readonly io_weight?: number;
  readonly disk?: number;
};
/** The optional fields that are ours (FORMATS 2), in the order in which they are written. */
export type TargetExtras = {
  readonly depends_on?: readonly ServiceName[];
  readonly health?: Health;
  readonly resources?: Resources;
  readonly restart?: 'always' | 'on-failure' | 'no';
  readonly environment?: Readonly<Record<string, string>>;
  /** `verity` forbids the mode in which whole blobs are hashed before the mount. */
  readonly integrity?: 'verity';
  /** Its root file system can't be written. */
  readonly read_only?: boolean;
  /** Rights besides the usual ones, capabilities(7), without `CAP_` and in small letters; and what they are worth nothing without. */
  readonly capabilities?: readonly Capability[];
  /** Devices of the host besides the usual ones, `/dev/net/tun`. */
  readonly devices?: readonly string[];
  /** What it may ask of the machine's API, whose socket it then has at /run/mos/api.sock. */
  readonly api_role?: 'reader' | 'operator' | 'admin';
};

/** The targets that a machine boots from. */
export const isBootTarget = (target: {
  readonly service_name: string;
  readonly service_type: ServiceType;
}): boolean => target.service_type === 'hostfs' || target.service_name === 'bootkit';

const printable = /^[\x20-\x7e]+$/;
/** No control characters: Cc, and the line and paragraph separators. */
const hasControl = (value: string): boolean => /[\p{Cc}\u2028\u2029]/u.test(value);

export const name = <T extends string>(kind: NameKind): Reader<T> =>
  text<T>((value) => isName(kind, value), names[kind].rule);
export const serviceName = name<ServiceName>('service');
/** What a vendor calls this state of an image; shown, never a path. */
export const versionText = text(
  (value) => value.length <= 128 && printable.test(value),
  'must be 1 to 128 printable ASCII characters',
);
export const nsgroup: Reader<NsGroup | '' | 'none'> = text<NsGroup | '' | 'none'>(
  (value) => isHostIds(value) || isName('nsgroup', value),
  names.nsgroup.rule,
);
export const digest: Reader<Digest> = text<Digest>(
  (value) => /^sha256:[0-9a-f]{64}$/.test(value),
  'must be sha256: and 64 lower-case hex digits',
);

/** A label of a volume, never that of one of the machine's own partitions. */
export const label: Reader<VolumeLabel> = (value, path, findings) => {
  if (typeof value === 'string' && reservedLabels.includes(value))
    return refuse(findings, path, `must not be ${value}: the machine's own partition has that name`);
  return name<VolumeLabel>('label')(value, path, findings);
};

const dest = text(
  (value) =>
    /^(\/[^/]+)+$/.test(value) && value.length < 1024 && !hasControl(value) && !/\/\.{1,2}(\/|$)/.test(value),
  'must be an absolute path without "." or ".." and other than /',
);

const address = (width: 32 | 128, rule: string): Reader<string> =>
  defaulted(
    text((value) => value === '' || parseAddress(value)?.width === width, rule),
    '',
  );

const portNumber = integer(1, 65535);
const port: Reader<Port> = record({
  host: portNumber,
  container: portNumber,
  protocol: optional(oneOf('tcp', 'udp')),
});

export const network: Reader<Network> = record({
  type: oneOf('host', 'none', 'simple'),
  ipv4: address(32, 'must be an IPv4 address like 10.0.3.99/24'),
  ipv6: address(128, 'must be an IPv6 address like fd00::99/64'),
  ports: list(port),
});

export const storageUse: Reader<StorageUse> = record({ dest, label });

const mebibytes =
  (rule: string): Reader<number> =>
  (value: unknown, path: Path, findings: Findings) => {
    if (value === undefined || value === null) return refuse(findings, path, 'is missing');
    return parseMebibytes(value) ?? refuse(findings, path, rule);
  };
/** As a person writes it: `30G` or MiB. */
export const writtenSize = mebibytes('must be a size like 30G, or a number of MiB');

/** The volume with its size read by `size`: MiB in a signed manifest, also `30G` where a person writes. */
export const volume = (size: Reader<number>): Reader<Volume> =>
  record({ label, persistent: defaulted(flag, false), nsgroup: defaulted(nsgroup, ''), size });

const health: Reader<Health> = record({
  exec: optional(
    list(text((value) => value !== '' && !hasControl(value), 'must be text without control characters')),
  ),
  http: optional(
    record({ port: portNumber, path: text((value) => /^\/[\x21-\x7e]*$/.test(value), 'must begin with /') }),
  ),
  tcp: optional(record({ port: portNumber })),
  interval: optional(integer(1, 86400)),
  timeout: optional(integer(1, 3600)),
  retries: optional(integer(1, 1000)),
  start_period: optional(integer(0, 86400)),
});

const oneProbe: Reader<Health> = (value, path, findings) => {
  const read = health(value, path, findings);
  const probes = [read?.exec, read?.http, read?.tcp].filter((probe) => probe !== undefined);
  return read === undefined || probes.length === 1
    ? read
    : refuse(findings, path, 'must have exactly one of exec, http, tcp');
};

/** A file system has to fit into it. */
const smallestDisk = 4;
const smallDisk =
  (size: Reader<number>): Reader<number> =>
  (value, path, findings) => {
    const read = size(value, path, findings);
    return read < smallestDisk ? refuse(findings, path, `must be at least ${smallestDisk}M`) : read;
  };

const capability = text<Capability>(
  (value) => (capabilityNames as readonly string[]).includes(value),
  'must be a capability in small letters, like net_raw',
);

const device = text(
  (value) => /^\/dev(\/[A-Za-z0-9][A-Za-z0-9._:+-]{0,63}){1,4}$/.test(value),
  'must be a path like /dev/net/tun',
);

/** The readers of the optional fields; `size` as for volumes. */
export const extras = (size: Reader<number>) => ({
  depends_on: optional(list(serviceName)),
  health: optional(oneProbe),
  resources: optional(
    record({
      memory: optional(size),
      cpu: optional(integer(1, 100_000)),
      pids: optional(integer(1, 4_194_304)),
      io_weight: optional(integer(1, 10_000)),
      disk: optional(smallDisk(size)),
    }),
  ),
  restart: optional(oneOf('always', 'on-failure', 'no')),
  environment: optional(
    mapping(
      (key) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(key),
      'must be a name of letters, digits and _',
      text((value) => !hasControl(value), 'must be text without control characters'),
    ),
  ),
  integrity: optional(oneOf('verity')),
  read_only: optional(flag),
  capabilities: optional(list(capability)),
  devices: optional(list(device)),
  api_role: optional(oneOf('reader', 'operator', 'admin')),
});
