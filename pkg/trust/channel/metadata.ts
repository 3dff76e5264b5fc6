import { createHash } from 'node:crypto';
import type { Key, Metadata, Root, Snapshot, Targets, Timestamp } from '@tufjs/models';
import { Refusal } from '../refusals.ts';

/** Of The Update Framework. */
export const specification = '1.0.31';
/** Its top-level roles; we use no delegated ones. */
export const tufRoles = ['root', 'targets', 'snapshot', 'timestamp'] as const;
export type TufRole = (typeof tufRoles)[number];
export type SignedOf = {
  readonly root: Root;
  readonly targets: Targets;
  readonly snapshot: Snapshot;
  readonly timestamp: Timestamp;
};
export type MetadataOf<R extends TufRole> = Metadata<SignedOf[R]>;

/** The one target of a channel, and the fields of every role but root that say whose it is. */
export const indexTarget = 'index.json';
export const productField = 'x-machine-product';
export const channelField = 'x-machine-channel';

/** Names of files in a TUF repository with consistent snapshots (specification 7); tags in a registry. */
export const fileOf = (role: TufRole, version: number): string =>
  role === 'timestamp' ? 'timestamp.json' : `${version}.${role}.json`;
export const indexFile = (sha256: string): string => `${sha256}.${indexTarget}`;

/** The most bytes that a file may have, announced or not. */
export const largest: Readonly<Record<TufRole | 'index', number>> = {
  root: 512 * 1024,
  targets: 64 * 1024,
  snapshot: 64 * 1024,
  timestamp: 16 * 1024,
  index: 4 * 1024 * 1024,
};

/** Slow to load and needed only where a channel is followed or signed. */
export const tuf = () => import('@tufjs/models');

/**
 * Reads one file; its signatures were not looked at yet. The library judges the form; what it lets pass and the
 * workflow relies on is judged here first. Throws a Refusal whose text is the same in each runtime.
 */
export async function readMetadata<R extends TufRole>(
  role: R,
  bytes: Uint8Array,
  file: string,
): Promise<MetadataOf<R>> {
  const { Metadata } = await tuf();
  const value = parse(bytes, role);
  if (typeof value === 'string') throw new Refusal('index-malformed', { subject: file, detail: value });
  try {
    return Metadata.fromJSON(role as never, value as never) as unknown as MetadataOf<R>;
  } catch {
    throw new Refusal('index-malformed', { subject: file, detail: 'it has not the form of TUF metadata' });
  }
}

/** The value, or what is wrong with it. */
function parse(bytes: Uint8Array, role: TufRole): object | string {
  if (bytes.length > largest[role]) return `it has more than ${largest[role]} bytes`;
  const value = toObject(parseText(bytes));
  const signed = toObject(value?.signed);
  if (value === undefined || signed === undefined) return 'it is no JSON object with a signed part';
  if (!isShallow(value)) return `it is nested deeper than ${deepest}`;
  if (signed._type !== role) return `it is not of the role ${role}`;
  if (!isText(signed.spec_version, /^1\.\d{1,4}(\.\d{1,4})?$/)) return 'it is of another specification';
  if (!isPositive(signed.version)) return 'its version is no whole number above 0';
  if (!isTime(signed.expires)) return 'its end is no time like 2027-01-31T00:00:00Z';
  if (!Array.isArray(value.signatures) || value.signatures.length > mostSignatures)
    return `it has no list of at most ${mostSignatures} signatures`;
  return checks[role](signed) ?? value;
}

const mostSignatures = 32;

/** Canonical JSON is made by a function that calls itself: how deep that goes is no matter of the runtime's stack. */
const deepest = 16;
const isShallow = (value: unknown, left = deepest): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (left > 0 && Object.values(value).every((one) => isShallow(one, left - 1)));

const checks: Readonly<Record<TufRole, (signed: Given) => string | undefined>> = {
  root: ({ roles, consistent_snapshot }) =>
    consistent_snapshot === true &&
    tufRoles.every((role) => isPositive(toObject(toObject(roles)?.[role])?.threshold))
      ? undefined
      : 'it has not all four roles with thresholds, or no consistent snapshots',
  targets: ({ targets }) => {
    const target = toObject(toObject(targets)?.[indexTarget]);
    return isCount(target?.length) && isHash(toObject(target?.hashes)?.sha256)
      ? undefined
      : `it names no ${indexTarget} with length and sha256`;
  },
  snapshot: ({ meta }) =>
    isFile(toObject(meta)?.['targets.json']) ? undefined : 'it names no targets.json with a version',
  timestamp: ({ meta }) =>
    isFile(toObject(meta)?.['snapshot.json']) ? undefined : 'it names no snapshot.json with a version',
};

type Given = Readonly<Record<string, unknown>>;

/** Keys that the value has from nowhere but itself. */
const toObject = (value: unknown): Given | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (Object.assign(Object.create(null), value) as Given)
    : undefined;
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
const isPositive = (value: unknown): boolean => isCount(value) && Number(value) > 0;
const isText = (value: unknown, pattern: RegExp): boolean => typeof value === 'string' && pattern.test(value);
const isHash = (value: unknown): boolean => isText(value, /^[0-9a-f]{64}$/);
const isTime = (value: unknown): boolean =>
  typeof value === 'string' &&
  /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/.test(value) &&
  !Number.isNaN(Date.parse(value));

/** Length and hashes may be left out (specification 4.4 and 4.6); of hashes SHA-256 alone is looked at. */
function isFile(value: unknown): boolean {
  const file = toObject(value);
  const hashes = toObject(file?.hashes);
  return (
    isPositive(file?.version) &&
    (file?.length === undefined || isCount(file.length)) &&
    (file?.hashes === undefined || (Object.keys(hashes ?? {}).length === 1 && isHash(hashes?.sha256)))
  );
}

function parseText(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** securesystemslib: SHA-256 of the canonical JSON of the key. */
export const keyIdOf = (publicHex: string): string =>
  createHash('sha256')
    .update(`{"keytype":"ed25519","keyval":{"public":"${publicHex}"},"scheme":"ed25519"}`)
    .digest('hex');

/** Ed25519 alone, under the name that follows from it: two names for one key would make two signers of one. */
const isUsable = ({ keyID, keyType, scheme, keyVal }: Key): boolean =>
  keyType === 'ed25519' && scheme === 'ed25519' && keyID === keyIdOf(keyVal.public ?? '');

/** The keys of the role that signed it. */
export const signersOf = (
  root: Root,
  role: TufRole,
  metadata: Metadata<SignedOf[TufRole]>,
): readonly string[] =>
  (root.roles[role]?.keyIDs ?? []).filter((id) => {
    const key = Object.hasOwn(root.keys, id) ? root.keys[id] : undefined;
    if (key === undefined || !isUsable(key)) return false;
    try {
      key.verifySignature(metadata);
      return true;
    } catch {
      return false;
    }
  });

export const thresholdOf = (root: Root, role: TufRole): number =>
  root.roles[role]?.threshold ?? Number.POSITIVE_INFINITY;

/** Throws a Refusal unless enough keys of the role signed it. */
export function requireSigners(
  root: Root,
  role: TufRole,
  metadata: Metadata<SignedOf[TufRole]>,
  file: string,
): void {
  const [found, needed] = [signersOf(root, role, metadata).length, thresholdOf(root, role)];
  if (found >= needed) return;
  throw new Refusal('index-signatures', {
    subject: file,
    detail: `${found} of the ${needed} keys that it needs`,
  });
}
