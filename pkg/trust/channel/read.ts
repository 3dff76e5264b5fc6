import type { MetaFile } from '@tufjs/models';
import { parseReleaseIndex } from '../../manifest/index.ts';
import { checkClock } from '../document.ts';
import { Refusal, refusalError } from '../refusals.ts';
import { markVerified } from '../verified.ts';
import { indexFile, indexTarget, largest, type MetadataOf, type SignedOf, type TufRole } from './metadata.ts';
import {
  type Announced,
  believe,
  decode,
  encode,
  keptOf,
  missing,
  type Reading,
  readAnnounced,
  requireFresh,
  requireNewer,
  verify,
  wrongOf,
} from './reading.ts';
import { endorse, followRoot } from './root.ts';
import type { ChannelPolicy, ChannelReading, ChannelSource, ChannelTrust } from './types.ts';

/**
 * The client workflow of The Update Framework (specification 1.0.31 section 5) over what `source` gives: root rotation,
 * timestamp, snapshot, targets, index. Without a source what is kept is read again. The first root is believed because
 * a project certificate of the machine's product signed it, and each later one because of that and of the root before.
 */
export async function readChannel(
  source: ChannelSource | undefined,
  kept: ChannelTrust | undefined,
  policy: ChannelPolicy,
): Promise<ChannelReading> {
  const now = checkClock(policy.time);
  try {
    const found = await followRoot(source, kept, policy);
    const { root } = found;
    const c: Reading = { source, policy, now, trust: await endorse(source, kept, policy, found) };
    requireFresh(c, 'root', root.signed);
    await believe(c, kept, {});
    const timestamp = await readTimestamp(c, root);
    const snapshot = await readSnapshot(c, root, timestamp);
    const targets = await readTargets(c, root, snapshot);
    const index = await readIndex(c, targets);
    const all = { root, timestamp, snapshot, targets };
    return {
      ...index,
      trust: c.trust,
      versions: each(all, ({ version }) => version),
      expires: each(all, ({ expires }) => expires),
    };
  } catch (error) {
    if (error instanceof Refusal) throw refusalError(policy.name, error);
    throw error;
  }
}

type All = { readonly [R in TufRole]: MetadataOf<R> };

const each = <T>(all: All, pick: (signed: SignedOf[TufRole]) => T): Readonly<Record<TufRole, T>> => ({
  root: pick(all.root.signed),
  targets: pick(all.targets.signed),
  snapshot: pick(all.snapshot.signed),
  timestamp: pick(all.timestamp.signed),
});

/** Section 5.4. */
async function readTimestamp(c: Reading, root: MetadataOf<'root'>): Promise<MetadataOf<'timestamp'>> {
  const file = 'timestamp.json';
  const kept = await keptOf(c, root, 'timestamp');
  const bytes = c.source === undefined ? kept?.bytes : await c.source.read(file, largest.timestamp);
  if (bytes === undefined) throw missing(c, file);
  const found = await verify(c, root, 'timestamp', bytes, file);
  if (kept !== undefined) {
    const seen = kept.metadata.signed;
    requireNewer(file, found.signed.version, seen.version);
    requireNewer('snapshot', found.signed.snapshotMeta.version, seen.snapshotMeta.version);
  }
  // Two of one version: the one that was believed first stays (5.4.3.1).
  const isKnown = kept?.metadata.signed.version === found.signed.version;
  const timestamp = isKnown ? kept.metadata : found;
  requireFresh(c, 'timestamp', timestamp.signed);
  await believe(c, c.trust, { timestamp: isKnown ? decode(kept.bytes) : decode(bytes) });
  return timestamp;
}

/** Section 5.5. */
async function readSnapshot(
  c: Reading,
  root: MetadataOf<'root'>,
  timestamp: MetadataOf<'timestamp'>,
): Promise<MetadataOf<'snapshot'>> {
  const announced = timestamp.signed.snapshotMeta;
  const kept = await keptOf(c, root, 'snapshot');
  const { metadata, bytes } = await readAnnounced(c, root, 'snapshot', announced, kept);
  const seen = kept?.metadata.signed.meta['targets.json']?.version ?? 0;
  requireNewer('targets', metadata.signed.meta['targets.json']?.version ?? 0, seen);
  requireFresh(c, 'snapshot', metadata.signed);
  await believe(c, c.trust, { snapshot: decode(bytes) });
  return metadata;
}

/** Section 5.6. */
async function readTargets(
  c: Reading,
  root: MetadataOf<'root'>,
  snapshot: MetadataOf<'snapshot'>,
): Promise<MetadataOf<'targets'>> {
  const announced = snapshot.signed.meta['targets.json'] as MetaFile;
  const kept = await keptOf(c, root, 'targets');
  const { metadata, bytes } = await readAnnounced(c, root, 'targets', announced, kept);
  requireFresh(c, 'targets', metadata.signed);
  await believe(c, c.trust, { targets: decode(bytes) });
  return metadata;
}

/** Section 5.7: the document that the rest is about. */
async function readIndex(
  c: Reading,
  targets: MetadataOf<'targets'>,
): Promise<Pick<ChannelReading, 'index' | 'unknown'>> {
  const target = targets.signed.targets[indexTarget];
  const file = indexFile(target?.hashes.sha256 ?? '');
  const announced: Announced = { length: target?.length, hashes: target?.hashes };
  const own = c.trust.index === undefined ? undefined : encode(c.trust.index);
  const isKept = own !== undefined && wrongOf(announced, own) === undefined;
  const bytes = isKept ? own : await c.source?.read(file, Math.min(target?.length ?? 0, largest.index));
  if (bytes === undefined) throw missing(c, file);
  const wrong = wrongOf(announced, bytes);
  if (wrong !== undefined) throw new Refusal('index-swapped', { subject: indexTarget, detail: wrong });
  const { index, unknown } = parseReleaseIndex(bytes, `the release index of ${c.policy.name}`);
  if (index.product !== c.policy.product)
    throw new Refusal('index-product', {
      subject: indexTarget,
      detail: `${index.product}, not ${c.policy.product}`,
    });
  if (index.channel !== c.policy.channel)
    throw new Refusal('index-channel', {
      subject: indexTarget,
      detail: `${index.channel}, not ${c.policy.channel}`,
    });
  await believe(c, c.trust, { index: decode(bytes) });
  return { index: markVerified(index), unknown };
}
