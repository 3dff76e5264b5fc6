import { createHash, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { renderReleaseIndex } from '../../pkg/manifest/index.ts';
import { parseDigest } from '../../pkg/oci/index.ts';
import {
  addTufKeys,
  type ChannelKeys,
  type ChannelPolicy,
  type ChannelSource,
  type ChannelTrust,
  draftChannel,
  openChannelKeys,
  parseAnchors,
  readPublishedChannel,
  signChannel,
  usualDays,
} from '../../pkg/trust/index.ts';
import { hostAt } from './keyset.ts';
import type { Vendor } from './vendor.ts';

export const channel = 'machine/stable';
export const channelName = `registry.example/${channel}`;

/** A TUF repository in memory, with the endorsements of its roots; tests change its files as an attacker would. */
export type MemoryChannel = ChannelSource & {
  readonly files: Map<string, Uint8Array>;
  readonly endorsed: Map<string, { certificate: Uint8Array; signature: Uint8Array; revoked?: Uint8Array }>;
  readonly asked: string[];
};

export function memoryChannel(from?: MemoryChannel): MemoryChannel {
  const files = new Map(from?.files);
  const endorsed = new Map(from?.endorsed);
  const asked: string[] = [];
  return {
    files,
    endorsed,
    asked,
    async read(file, limit) {
      asked.push(file);
      const bytes = files.get(file);
      return bytes === undefined || bytes.length > limit ? undefined : bytes;
    },
    async endorsements(file) {
      const found = endorsed.get(file);
      return {
        certificates: found === undefined ? [] : [found.certificate],
        signatures: found === undefined ? [] : [found.signature],
        revocations: found?.revoked === undefined ? [] : [found.revoked],
      };
    },
  };
}

const release = (number: number) => ({
  version: `1.${number}.0`,
  release: number,
  manifest: parseDigest(`sha256:${String(number).repeat(64)}`),
  arch: 'amd64' as const,
  waves: [],
});

export type Offer = {
  /** The release numbers that are offered. */
  readonly releases: readonly number[];
  readonly at: string;
  readonly project?: string;
  readonly channel?: string;
  /** As which product and channel the index names itself. */
  readonly index?: Readonly<Record<string, unknown>>;
};

export const keysOfVendor = (vendor: Vendor, project = 'default'): Promise<ChannelKeys> =>
  openChannelKeys(linuxHost, vendor.keyset, project, { folder: vendor.keys });

export const addChannelKeys = (vendor: Vendor, at = '2027-01-01T00:00:00Z') =>
  addTufKeys(hostAt(at), vendor.keyset, undefined, { folder: vendor.keys });

/** Signs and puts an index, as `mosb release add` and `sign` do together. */
export async function offer(vendor: Vendor, to: MemoryChannel, given: Offer): Promise<void> {
  const keys = await keysOfVendor(vendor, given.project);
  const own = given.channel ?? channel;
  const time = { now: new Date(given.at), builtAt: new Date(0) };
  const options = { name: channelName, channel: own, time, folder: vendor.keys };
  const read = () => readPublishedChannel(hostAt(given.at), to, keys, options);
  const product = keys.signer.product;
  const index = renderReleaseIndex({
    ...{ version: 1, product, channel: own, releases: given.releases.map(release), ...given.index },
  } as never);
  const signing = { now: time.now, days: usualDays };
  for (const { file, bytes } of (await draftChannel(keys, await read(), index, signing)).files)
    to.files.set(file, bytes);
  await put(keys, to, await signChannel(keys, await read(), signing));
  await read();
}

async function put(
  keys: ChannelKeys,
  to: MemoryChannel,
  { files }: Awaited<ReturnType<typeof signChannel>>,
): Promise<void> {
  for (const { role, file, bytes } of files) {
    to.files.set(file, bytes);
    if (role !== 'root') continue;
    const { certificate } = keys.signer;
    to.endorsed.set(file, { certificate, signature: await keys.signer.sign(bytes) });
  }
}

export type Machine = { trust: ChannelTrust | undefined; readonly kept: ChannelTrust[] };
export const newMachine = (): Machine => ({ trust: undefined, kept: [] });

/** The policy of a machine with the vendor's CA; what it believes is kept in `machine`. */
export async function policyOf(
  vendor: Vendor,
  machine: Machine,
  at: string,
  given: Partial<ChannelPolicy> = {},
): Promise<ChannelPolicy> {
  const anchors = parseAnchors(await readFile(vendor.ca), 'manifestCA.pem');
  return {
    name: channelName,
    channel,
    product: vendor.product,
    time: { now: new Date(at), builtAt: new Date(0) },
    endorsedBy: { anchors, revoked: [] },
    keep: async (trust) => {
      machine.trust = trust;
      machine.kept.push(trust);
    },
    ...given,
  };
}

type Signed = { signed: Record<string, unknown>; signatures: { keyid: string; sig: string }[] };

/** OLPC canonical JSON, by another hand than the library's. */
const canonical = (value: unknown): string =>
  Array.isArray(value)
    ? `[${value.map(canonical).join(',')}]`
    : typeof value === 'object' && value !== null
      ? `{${Object.entries(value)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, item]) => `${canonical(key)}:${canonical(item)}`)
          .join(',')}}`
      : typeof value === 'string'
        ? `"${value.replaceAll(/[\\"]/g, '\\$&')}"`
        : String(value);

/** Changes a signed file and signs it again with these keys, whatever it says; its hashes elsewhere stay as they are. */
export function forge(
  bytes: Uint8Array | undefined,
  keys: ChannelKeys['keys'][keyof ChannelKeys['keys']],
  change: Readonly<Record<string, unknown>>,
): Uint8Array {
  const document = JSON.parse(Buffer.from(bytes ?? []).toString()) as Signed;
  const signed = { ...document.signed, ...change };
  const signatures = keys.map(({ id, key }) => ({
    keyid: id,
    sig: sign(null, Buffer.from(canonical(signed)), key).toString('hex'),
  }));
  return Buffer.from(JSON.stringify({ signatures, signed }));
}

export const announced = (version: number, bytes: Uint8Array) => ({
  version,
  length: bytes.length,
  hashes: { sha256: createHash('sha256').update(bytes).digest('hex') },
});
