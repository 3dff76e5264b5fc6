import type { MetaFile } from '@tufjs/models';
import { MosError } from '../../errors/index.ts';
import { digestOf } from '../../oci/index.ts';
import { Refusal } from '../refusals.ts';
import {
  channelField,
  fileOf,
  largest,
  type MetadataOf,
  productField,
  readMetadata,
  requireSigners,
  type SignedOf,
  type TufRole,
} from './metadata.ts';
import type { ChannelPolicy, ChannelSource, ChannelTrust } from './types.ts';

/** One reading: what was kept, what is believed so far. */
export type Reading = {
  readonly source: ChannelSource | undefined;
  readonly policy: ChannelPolicy;
  readonly now: Date;
  trust: ChannelTrust;
};

/** Takes on what was verified, and keeps it where that is news. */
export async function believe(
  c: Reading,
  before: ChannelTrust | undefined,
  more: Partial<ChannelTrust>,
): Promise<void> {
  c.trust = { ...c.trust, ...more };
  const keys = Object.keys(c.trust) as (keyof ChannelTrust)[];
  if (
    before !== undefined &&
    keys.every((key) => JSON.stringify(before[key]) === JSON.stringify(c.trust[key]))
  )
    return;
  await c.policy.keep(c.trust);
}

export function requireFresh(
  { policy, now }: Reading,
  role: TufRole,
  { version, expires }: SignedOf[TufRole],
): void {
  if (policy.acceptExpired || now < new Date(expires)) return;
  throw new Refusal('index-expired', { subject: fileOf(role, version), detail: expires });
}

/** Signed by enough keys, for this product and channel. */
export async function verify<R extends 'timestamp' | 'snapshot' | 'targets'>(
  { policy }: Reading,
  root: MetadataOf<'root'>,
  role: R,
  bytes: Uint8Array,
  file: string,
): Promise<MetadataOf<R>> {
  const metadata = await readMetadata(role, bytes, file);
  requireSigners(root.signed, role, metadata, file);
  const { [productField]: product, [channelField]: channel } = metadata.signed.unrecognizedFields;
  if (product !== policy.product)
    throw new Refusal('index-product', {
      subject: file,
      detail: `${named(product)}, not ${policy.product}`,
    });
  if (channel !== policy.channel)
    throw new Refusal('index-channel', { subject: file, detail: `${named(channel)}, not ${policy.channel}` });
  return metadata;
}

const named = (value: unknown): string => (typeof value === 'string' ? value : '(none)');

type Kept<R extends TufRole> = { readonly bytes: Uint8Array; readonly metadata: MetadataOf<R> };

/**
 * What was believed before, where it would be believed now. After its keys were replaced it isn't, and so can't hold
 * newer ones back: that is how a version that an attacker drove up is got rid of (section 5.3.11).
 */
export async function keptOf<R extends 'timestamp' | 'snapshot' | 'targets'>(
  c: Reading,
  root: MetadataOf<'root'>,
  role: R,
): Promise<Kept<R> | undefined> {
  const text = c.trust[role];
  if (text === undefined) return undefined;
  const bytes = encode(text);
  try {
    return { bytes, metadata: await verify(c, root, role, bytes, `${role}.json`) };
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

export function requireNewer(subject: string, found: number, seen: number): void {
  if (found < seen)
    throw new Refusal('index-older', { subject, detail: `${found}, ${seen} was seen before` });
}

/** The file of that version, length and hash: the one that is kept, else the one of the source. */
export async function readAnnounced<R extends 'snapshot' | 'targets'>(
  c: Reading,
  root: MetadataOf<'root'>,
  role: R,
  announced: MetaFile,
  kept: Kept<R> | undefined,
): Promise<Kept<R>> {
  const file = fileOf(role, announced.version);
  const isKept =
    kept?.metadata.signed.version === announced.version && wrongOf(announced, kept.bytes) === undefined;
  if (isKept) return kept;
  const bytes = await c.source?.read(file, Math.min(announced.length ?? largest[role], largest[role]));
  if (bytes === undefined) throw missing(c, file);
  const wrong = wrongOf(announced, bytes);
  if (wrong !== undefined) throw new Refusal('index-swapped', { subject: file, detail: wrong });
  const metadata = await verify(c, root, role, bytes, file);
  const { version } = metadata.signed;
  if (version !== announced.version)
    throw new Refusal('index-swapped', { subject: file, detail: `it is version ${version}` });
  return { bytes, metadata };
}

export type Announced = {
  readonly length?: number | undefined;
  readonly hashes?: Readonly<Record<string, string>> | undefined;
};

export function wrongOf({ length, hashes }: Announced, bytes: Uint8Array): string | undefined {
  if (length !== undefined && bytes.length !== length)
    return `it has ${bytes.length} bytes in place of ${length}`;
  const digest = digestOf(bytes);
  return hashes?.sha256 === undefined || digest === `sha256:${hashes.sha256}`
    ? undefined
    : `it hashes to ${digest}`;
}

export const missing = ({ source, policy }: Reading, file: string): MosError =>
  source === undefined
    ? new MosError('not-found', `cannot use the channel ${policy.name} without a network: no ${file} is kept`)
    : new MosError('not-found', `cannot use the channel ${policy.name}: it has no ${file}`, {
        hint: 'ask its publisher to sign it: mosb release sign',
      });

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
/** What was parsed as JSON is UTF-8. */
export const decode = (bytes: Uint8Array): string =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
