import type { Metadata } from '@tufjs/models';
import { MosError } from '../../errors/index.ts';
import { daysAfter } from '../keyset/tuf-root.ts';
import {
  fileOf,
  indexFile,
  indexTarget,
  type MetadataOf,
  readMetadata,
  type SignedOf,
  signersOf,
  type TufRole,
  thresholdOf,
} from './metadata.ts';
import { type ChannelKeys, draftFile, type PublishedChannel } from './published.ts';
import {
  type MetadataHead,
  makeSnapshot,
  makeTargets,
  makeTimestamp,
  renderMetadata,
  type SignedFile,
  signMetadata,
} from './sign.ts';

/** For how many days each counts. Signing again begins to renew it when half of them are left. */
export type ChannelDays = Readonly<Record<'targets' | 'snapshot' | 'timestamp', number>>;
export const usualDays: ChannelDays = { targets: 90, snapshot: 30, timestamp: 7 };

export type ChannelFile = {
  readonly role: TufRole | 'index';
  readonly file: string;
  readonly bytes: Uint8Array;
};

/** A role that has too few keys here. */
export type MissingSignatures = { readonly role: TufRole; readonly found: number; readonly needed: number };

export type SignOptions = {
  readonly now: Date;
  readonly days: ChannelDays;
  /** Also what counts long enough yet. */
  readonly renew?: boolean | undefined;
};

/** A changed index as the next version of targets, signed by the keys that are here; nothing that machines see. */
export async function draftChannel(
  keys: ChannelKeys,
  published: PublishedChannel,
  index: Uint8Array,
  { now, days }: SignOptions,
): Promise<{ readonly files: readonly ChannelFile[]; readonly found: number; readonly needed: number }> {
  const version = (published.reading?.versions.targets ?? 0) + 1;
  const head = { ...published, version, expires: daysAfter(now, days.targets) };
  const targets = await makeTargets(head, index);
  await signMetadata(targets, keys.keys.targets);
  const { found, needed } = enough(keys, 'targets', targets);
  if (found === 0)
    throw new MosError('state', `cannot change ${published.name}: no key of the role targets is here`, {
      hint: `trust tuf-keys show ${keys.keyset} says where it belongs`,
    });
  return { files: [indexFileOf(targets, index), draftOf(targets)], found, needed };
}

const indexFileOf = (targets: MetadataOf<'targets'>, bytes: Uint8Array): ChannelFile => ({
  role: 'index',
  file: indexFile(targets.signed.targets[indexTarget]?.hashes.sha256 ?? ''),
  bytes,
});
const draftOf = (targets: MetadataOf<'targets'>): ChannelFile => ({
  role: 'targets',
  file: draftFile,
  bytes: renderMetadata(targets),
});

const enough = (
  keys: ChannelKeys,
  role: TufRole,
  metadata: Metadata<SignedOf[TufRole]>,
): MissingSignatures => ({
  role,
  found: signersOf(keys.newest.root.signed, role, metadata).length,
  needed: thresholdOf(keys.newest.root.signed, role),
});

const day = 24 * 60 * 60 * 1000;

/** True where it must be signed anew: soon over, or not signed by enough keys of the newest root. */
function isOver(
  keys: ChannelKeys,
  role: keyof ChannelDays,
  metadata: Metadata<SignedOf[keyof ChannelDays]>,
  { now, days, renew = false }: SignOptions,
): boolean {
  const left = Date.parse(metadata.signed.expires) - now.getTime();
  const { found, needed } = enough(keys, role, metadata);
  return renew || left < (days[role] / 2) * day || found < needed;
}

export type SignedChannel = {
  /** In the order in which they are put: what names another one after it, the timestamp last. */
  readonly files: readonly ChannelFile[];
  /** Where signatures are missing; what is signed so far waits as a draft. */
  readonly missing: readonly MissingSignatures[];
};

/** Signs what waits, and what is soon over; leaves alone what counts long enough. */
export async function signChannel(
  keys: ChannelKeys,
  published: PublishedChannel,
  options: SignOptions,
): Promise<SignedChannel> {
  const signing = { keys, published, options };
  const { targets, index } = await nextTargets(signing);
  const indexAs = indexFileOf(targets.metadata, index);
  const waiting = [indexAs, ...(targets.isNew ? [draftOf(targets.metadata)] : [])];
  const signed = enough(keys, 'targets', targets.metadata);
  if (signed.found < signed.needed) return { files: waiting, missing: [signed] };
  const snapshot = await next(signing, 'snapshot', targets.isNew, (head) => makeSnapshot(head, targets));
  const timestamp = await next(signing, 'timestamp', snapshot.isNew, (head) => makeTimestamp(head, snapshot));
  const missing = [
    enough(keys, 'snapshot', snapshot.metadata),
    enough(keys, 'timestamp', timestamp.metadata),
  ].filter(({ found, needed }) => found < needed);
  if (missing.length > 0) return { files: waiting, missing };
  const roots = keys.roots.map(({ root, bytes }) => toFile('root', { version: root.signed.version, bytes }));
  const files = [
    toFile('targets', targets),
    toFile('snapshot', snapshot),
    ...roots,
    toFile('timestamp', timestamp),
  ];
  return { files: [indexAs, ...files], missing: [] };
}

const toFile = (role: TufRole, { version, bytes }: SignedFile): ChannelFile => ({
  role,
  file: fileOf(role, version),
  bytes,
});

type Signing = {
  readonly keys: ChannelKeys;
  readonly published: PublishedChannel;
  readonly options: SignOptions;
};

/** A role as it will be; `isNew`: machines have not seen it yet. */
type Next<R extends TufRole> = SignedFile & { readonly metadata: MetadataOf<R>; readonly isNew: boolean };

const toNext = <R extends TufRole>(metadata: MetadataOf<R>): Next<R> => ({
  metadata,
  version: metadata.signed.version,
  bytes: renderMetadata(metadata),
  isNew: true,
});

/** What machines see of the role now. */
async function presentOf<R extends TufRole>({ published }: Signing, role: R): Promise<Next<R> | undefined> {
  const text = published.reading?.trust[role];
  if (text === undefined) return undefined;
  const bytes = new TextEncoder().encode(text);
  const metadata = await readMetadata(role, bytes, `${role}.json`);
  return { metadata, version: metadata.signed.version, bytes, isNew: false };
}

async function nextTargets(s: Signing): Promise<{ targets: Next<'targets'>; index: Uint8Array }> {
  const { reading, draft, name } = s.published;
  if (draft !== undefined) {
    await signMetadata(draft.targets, s.keys.keys.targets);
    return { targets: toNext(draft.targets), index: draft.bytes };
  }
  const index = new TextEncoder().encode(reading?.trust.index ?? '');
  const targets = await next(s, 'targets', false, (head) => makeTargets(head, index));
  if (reading !== undefined) return { targets, index };
  throw new MosError('state', `cannot sign ${name}: it offers nothing yet`, {
    hint: 'mosb release add puts a release into it',
  });
}

/** The present one where it still counts, else the one after it, signed by the keys that are here. */
async function next<R extends keyof ChannelDays>(
  s: Signing,
  role: R,
  mustBeNew: boolean,
  make: (head: MetadataHead) => Promise<MetadataOf<R>>,
): Promise<Next<R>> {
  const { keys, published, options } = s;
  const present = await presentOf(s, role);
  if (present !== undefined && !mustBeNew && !isOver(keys, role, present.metadata, options)) return present;
  const version = (present?.version ?? 0) + 1;
  const metadata = await make({ ...published, version, expires: daysAfter(options.now, options.days[role]) });
  await signMetadata(metadata, keys.keys[role]);
  return toNext(metadata);
}
