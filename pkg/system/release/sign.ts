import type { Host } from '../../host/index.ts';
import { diffReleases, type ReleaseIndex } from '../../manifest/index.ts';
import type { Report } from '../../steps/index.ts';
import { type ChannelDays, type MissingSignatures, signChannel, type TufRole } from '../../trust/index.ts';
import { indexOf } from './edit.ts';
import { type ChannelOptions, openPublishing, type Publishing } from './publishing.ts';
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
  /** Where signatures are missing: what waits for them, or is soon over. */
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
  warnOfRoot(p, report);
  const after = await p.look();
  return {
    channel: p.name,
    changed,
    changes: after.reading === undefined ? [] : diffReleases(before.reading?.index, after.reading.index),
    missing,
    versions: after.reading?.versions ?? null,
    expires: after.reading?.expires ?? null,
  };
}

const day = 24 * 60 * 60 * 1000;
const warnedDays = 60;

/** Signing doesn't renew the root: that takes its keys, and people. */
function warnOfRoot({ keys, time }: Publishing, report: Report): void {
  const { expires } = keys.newest.root.signed;
  if (Date.parse(expires) - time.now.getTime() > warnedDays * day) return;
  const text = `warning: the root of the keyset ${keys.keyset} ends at ${expires}: trust tuf-keys rotate ${keys.keyset}`;
  report({ kind: 'note', text });
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
