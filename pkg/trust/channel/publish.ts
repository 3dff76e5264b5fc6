import type { Metadata } from '@tufjs/models';
import { MosError } from '../../errors/index.ts';
import { daysAfter, requireDays } from '../days.ts';
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

const isEnough = ({ found, needed }: MissingSignatures): boolean => found >= needed;

export type SignedChannel = {
  /** In the order in which they are put: what names another one after it, the timestamp last. */
  readonly files: readonly ChannelFile[];
  /** Where keys are missing: what they would have signed waits, as a draft or for the end of what counts yet. */
  readonly missing: readonly MissingSignatures[];
};

/**
 * Signs what waits, and what is soon over; leaves alone what counts long enough. While a draft waits for further
 * signatures, what machines see is kept fresh: the keys for that may be at another place.
 */
export async function signChannel(
  keys: ChannelKeys,
  published: PublishedChannel,
  options: SignOptions,
): Promise<SignedChannel> {
  for (const days of Object.values(options.days)) requireDays(days);
  const signing = { keys, published, options };
  const present = await presentTargets(signing);
  const wanted = await nextTargets(signing, present);
  const whole = await complete(signing, wanted);
  if (whole.files.length > 0 || !wanted.targets.isNew) return whole;
  const rest = present === undefined ? { files: [], missing: [] } : await complete(signing, present);
  return {
    files: [
      indexFileOf(wanted.targets.metadata, wanted.index),
      draftOf(wanted.targets.metadata),
      ...rest.files,
    ],
    missing: [...new Map([...rest.missing, ...whole.missing].map((one) => [one.role, one])).values()],
  };
}

type Signing = {
  readonly keys: ChannelKeys;
  readonly published: PublishedChannel;
  readonly options: SignOptions;
};

/** A role as it will be; `isNew`: machines have not seen it yet. `lacks`: it is soon over, and there are no keys to renew it. */
type Next<R extends TufRole> = SignedFile & {
  readonly metadata: MetadataOf<R>;
  readonly isNew: boolean;
  readonly lacks?: MissingSignatures;
};
type Offer = { readonly targets: Next<'targets'>; readonly index: Uint8Array };

/** Everything that machines need to see these targets; no files where a role is not signed by enough keys. */
async function complete(s: Signing, { targets, index }: Offer): Promise<SignedChannel> {
  const { keys } = s;
  const snapshot = await next(s, 'snapshot', targets.isNew, (head) => makeSnapshot(head, targets));
  const timestamp = await next(s, 'timestamp', snapshot.isNew, (head) => makeTimestamp(head, snapshot));
  const missing = [
    enough(keys, 'targets', targets.metadata),
    enough(keys, 'snapshot', snapshot.metadata),
    enough(keys, 'timestamp', timestamp.metadata),
  ].filter((one) => !isEnough(one));
  const lacking = [targets, snapshot, timestamp].flatMap(({ lacks }) => lacks ?? []);
  if (missing.length > 0) return { files: [], missing: [...missing, ...lacking] };
  const roots = keys.roots.map(({ root, bytes }) => toFile('root', { version: root.signed.version, bytes }));
  const files = [
    toFile('targets', targets),
    toFile('snapshot', snapshot),
    ...roots,
    toFile('timestamp', timestamp),
  ];
  return { files: [indexFileOf(targets.metadata, index), ...files], missing: lacking };
}

const toFile = (role: TufRole, { version, bytes }: SignedFile): ChannelFile => ({
  role,
  file: fileOf(role, version),
  bytes,
});

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

async function presentTargets(s: Signing): Promise<Offer | undefined> {
  const targets = await presentOf(s, 'targets');
  return targets && { targets, index: new TextEncoder().encode(s.published.reading?.trust.index ?? '') };
}

async function nextTargets(s: Signing, present: Offer | undefined): Promise<Offer> {
  const { draft, name } = s.published;
  if (draft !== undefined) {
    await signMetadata(draft.targets, s.keys.keys.targets);
    return { targets: toNext(draft.targets), index: draft.bytes };
  }
  if (present === undefined)
    throw new MosError('state', `cannot sign ${name}: it offers nothing yet`, {
      hint: 'mosb release add puts a release into it',
    });
  const { index } = present;
  const targets = await next(s, 'targets', false, (head) => makeTargets(head, index), 1);
  return { targets, index };
}

const day = 24 * 60 * 60 * 1000;

/** Soon over, or not signed by enough keys of the newest root. */
function isOver(s: Signing, role: keyof ChannelDays, present: Next<keyof ChannelDays>): boolean {
  const { now, days, renew = false } = s.options;
  const left = Date.parse(present.metadata.signed.expires) - now.getTime();
  return renew || left < (days[role] / 2) * day || !isEnough(enough(s.keys, role, present.metadata));
}

/**
 * The present one where it still counts, else the one after it, signed by the keys that are here. Where they are fewer than
 * `least` (what makes sense to have signed) the present one goes on counting, if nothing that it names is new.
 */
async function next<R extends keyof ChannelDays>(
  s: Signing,
  role: R,
  mustBeNew: boolean,
  make: (head: MetadataHead) => Promise<MetadataOf<R>>,
  least = thresholdOf(s.keys.newest.root.signed, role),
): Promise<Next<R>> {
  const { keys, published, options } = s;
  const present = await presentOf(s, role);
  if (present !== undefined && !mustBeNew && !isOver(s, role, present)) return present;
  const version = (present?.version ?? 0) + 1;
  const metadata = await make({ ...published, version, expires: daysAfter(options.now, options.days[role]) });
  await signMetadata(metadata, keys.keys[role]);
  const lacks = enough(keys, role, metadata);
  return present === undefined || mustBeNew || lacks.found >= least
    ? toNext(metadata)
    : { ...present, lacks };
}
