import type { Host } from '../../host/index.ts';
import { diffReleases, type ReleaseIndex } from '../../manifest/index.ts';
import type { Report } from '../../steps/index.ts';
import { type ChannelDays, type MissingSignatures, signChannel, type TufRole } from '../../trust/index.ts';
import { indexOf } from './edit.ts';
import { type ChannelOptions, openPublishing } from './publishing.ts';
import { putFiles } from './put.ts';

export type SignChannelOptions = ChannelOptions & {
  readonly days: ChannelDays;
  /** Also what counts long enough yet. */
  readonly renew?: boolean;
};

export type SignedIndex = {
  readonly channel: string;
  readonly changed: boolean;
  /** What machines see now and did not before. */
  readonly changes: readonly string[];
  /** Where signatures are missing; then machines see what they saw before. */
  readonly missing: readonly MissingSignatures[];
  /** Of what machines see; null before the first time. */
  readonly versions: Readonly<Record<TufRole, number>> | null;
  readonly expires: Readonly<Record<TufRole, string>> | null;
};

/** Signs with the keys that are here; what has enough signatures is published, the timestamp last. */
export async function signIndex(
  host: Host,
  options: SignChannelOptions,
  report: Report,
): Promise<SignedIndex> {
  await using p = await openPublishing(host, options, report);
  const before = await p.look();
  const { files, missing } = await signChannel(p.keys, before, { ...options, now: p.time.now });
  const changed = await putFiles(p, files);
  const after = await p.look();
  return {
    channel: p.name,
    changed,
    changes:
      missing.length > 0 || after.reading === undefined
        ? []
        : diffReleases(before.reading?.index, after.reading.index),
    missing,
    versions: after.reading?.versions ?? null,
    expires: after.reading?.expires ?? null,
  };
}

export type ShownChannel = {
  readonly channel: string;
  readonly product: string;
  /** What machines see; null before the first signing. */
  readonly index: ReleaseIndex | null;
  readonly versions: Readonly<Record<TufRole, number>> | null;
  readonly expires: Readonly<Record<TufRole, string>> | null;
  /** What waits to be signed, against that. */
  readonly waiting: readonly string[];
};

/** A channel as its publisher sees it, verified with the roots of the keyset. */
export async function showChannel(
  host: Host,
  options: ChannelOptions,
  report: Report,
): Promise<ShownChannel> {
  await using p = await openPublishing(host, options, report, false);
  const published = await p.look();
  const { reading, product } = published;
  return {
    ...{ channel: p.name, product, index: reading?.index ?? null },
    versions: reading?.versions ?? null,
    expires: reading?.expires ?? null,
    waiting: diffReleases(reading?.index, indexOf(published)),
  };
}
