import { MosError } from '../../errors/index.ts';
import { type Host, readTextIfThere, writeAtomic } from '../../host/index.ts';
import { parseReleaseIndex, type ReleaseIndex } from '../../manifest/index.ts';
import { digestHex, digestOf } from '../../oci/index.ts';
import type { AcceptanceTime } from '../document.ts';
import { folderOfKeys, type KeysOptions } from '../keyset/folder.ts';
import { openSigner, type Signer } from '../keyset/signer.ts';
import { lockKeys } from '../keyset/store.ts';
import { keysOf } from '../keyset/tuf-keys.ts';
import { type KeysetRoot, readRoots, type TufKey, tufFolder } from '../keyset/tuf-store.ts';
import {
  channelField,
  fileOf,
  indexFile,
  indexTarget,
  largest,
  type MetadataOf,
  productField,
  readMetadata,
  signersOf,
  type TufRole,
  tufRoles,
} from './metadata.ts';
import { readChannel } from './read.ts';
import type { ChannelReading, ChannelSource, ChannelTrust } from './types.ts';

/** What a keyset has to publish a channel with. */
export type ChannelKeys = {
  readonly keyset: string;
  /** Of the product; it vouches for roots. */
  readonly signer: Signer;
  readonly roots: readonly KeysetRoot[];
  readonly newest: KeysetRoot;
  /** The keys that are here, of the roles in the newest root. */
  readonly keys: Readonly<Record<TufRole, readonly TufKey[]>>;
};

export async function openChannelKeys(
  host: Host,
  keyset: string,
  project: string,
  options: KeysOptions = {},
): Promise<ChannelKeys> {
  const signer = await openSigner(host, keyset, project, options);
  const { roots, newest } = await readRoots(host, keyset, options);
  const tuf = await tufFolder(host, keyset, options);
  const keys = await Promise.all(
    tufRoles.map(async (role) => [role, await keysOf(host, tuf, role, newest.root.signed)] as const),
  );
  return { keyset, signer, roots, newest, keys: Object.fromEntries(keys) as ChannelKeys['keys'] };
}

/** Where edits wait for their signatures: a tag that machines don't look at. */
export const draftFile = 'draft.targets.json';

export type Draft = {
  readonly targets: MetadataOf<'targets'>;
  readonly index: ReleaseIndex;
  readonly bytes: Uint8Array;
};

/** A channel as its publisher sees it. */
export type PublishedChannel = {
  readonly name: string;
  readonly channel: string;
  readonly product: string;
  /** What machines see; undefined before the first signing. */
  readonly reading: ChannelReading | undefined;
  readonly draft: Draft | undefined;
  /** There is a draft that counts for nothing: no key of the newest root signed it, or it is another channel's. */
  readonly isDraftForeign: boolean;
};

export type PublishedOptions = KeysOptions & {
  readonly name: string;
  readonly channel: string;
  readonly time: AcceptanceTime;
};

/**
 * Reads a channel with the roots of the keyset as its anchor. What was seen last is kept in the keyset, so that nobody
 * makes a publisher sign an old index again; what has expired counts, because it is to be signed anew.
 */
export async function readPublishedChannel(
  host: Host,
  source: ChannelSource,
  keys: ChannelKeys,
  options: PublishedOptions,
): Promise<PublishedChannel> {
  const { name, channel, time } = options;
  const product = keys.signer.product;
  const path = `${await tufFolder(host, keys.keyset, options)}/channels/${product}+${channel.replaceAll('/', '+')}.json`;
  const kept = await readKept(host, path);
  const root = newerRoot(await publishedRoot(source, keys, name), keys, kept);
  const keep = async (trust: ChannelTrust): Promise<void> => {
    await using _lock = await lockKeys(host, folderOfKeys(host, options), `channel ${name}`);
    await writeAtomic(host, path, `${JSON.stringify(trust, null, 2)}\n`, { mode: 0o640 });
  };
  const isThere = (await source.read('timestamp.json', largest.timestamp)) !== undefined;
  const anchor = root === undefined ? kept : { ...kept, root: textOf(root.bytes) };
  const isNew = anchor === undefined || (!isThere && kept?.timestamp === undefined);
  const policy = { name, channel, product, time, acceptExpired: true, keep };
  // A repository that was emptied is filled again from what is kept.
  const reading = isNew ? undefined : await readChannel(isThere ? source : undefined, anchor, policy);
  const found = await findDraft(source, reading);
  const draft = found && (await readDraft(source, keys, options, found));
  const isDraftForeign = found !== undefined && draft === undefined;
  return { name, channel, product, reading, draft, isDraftForeign };
}

async function readKept(host: Host, path: string): Promise<ChannelTrust | undefined> {
  const text = await readTextIfThere(host, path);
  if (text === undefined) return undefined;
  try {
    const kept: ChannelTrust = JSON.parse(text);
    if (typeof kept.root === 'string') return kept;
  } catch {}
  throw new MosError('corrupt', `cannot read ${path}: it is damaged`, {
    hint: 'without it an old state of the channel can be shown to you: look at mosb release show after you removed it',
  });
}

/** The newest root of the keyset that the channel has; another root in its place is somebody else's channel. */
async function publishedRoot(
  source: ChannelSource,
  { roots, keyset }: ChannelKeys,
  name: string,
): Promise<KeysetRoot | undefined> {
  let newest: KeysetRoot | undefined;
  for (const root of roots) {
    const file = fileOf('root', root.root.signed.version);
    const bytes = await source.read(file, largest.root);
    if (bytes === undefined) break;
    if (!Buffer.from(bytes).equals(root.bytes))
      throw new MosError(
        'untrusted',
        `cannot publish to ${name}: its ${file} is not that of the keyset ${keyset}`,
        {
          hint: 'give the keyset that made the channel, or another name',
        },
      );
    newest = root;
  }
  return newest;
}

/** Who takes a root away from a channel doesn't make its publisher believe what the keys of the one before signed. */
function newerRoot(
  published: KeysetRoot | undefined,
  { roots }: ChannelKeys,
  kept: ChannelTrust | undefined,
): KeysetRoot | undefined {
  const seen = roots.find(({ bytes }) => textOf(bytes) === kept?.root);
  const versionOf = (one: KeysetRoot | undefined): number => one?.root.signed.version ?? 0;
  return versionOf(seen) > versionOf(published) ? seen : published;
}

/** What names itself the next version of targets; the draft of one that was published is over. */
async function findDraft(
  source: ChannelSource,
  reading: ChannelReading | undefined,
): Promise<MetadataOf<'targets'> | undefined> {
  const found = await source.read(draftFile, largest.targets);
  const targets = found && (await readMetadata('targets', found, draftFile).catch(() => undefined));
  return targets?.signed.version === (reading?.versions.targets ?? 0) + 1 ? targets : undefined;
}

/** Signed by one key of ours at least: whoever can write to the registry can't slip changes under a signature. */
async function readDraft(
  source: ChannelSource,
  { newest, signer }: ChannelKeys,
  { name, channel }: PublishedOptions,
  targets: MetadataOf<'targets'>,
): Promise<Draft | undefined> {
  const { [productField]: product, [channelField]: own } = targets.signed.unrecognizedFields;
  const isOurs = product === signer.product && own === channel;
  if (!isOurs || signersOf(newest.root.signed, 'targets', targets).length === 0) return undefined;
  const { length = 0, hashes } = targets.signed.targets[indexTarget] ?? {};
  const bytes = await source.read(indexFile(hashes?.sha256 ?? ''), Math.min(length, largest.index));
  if (bytes === undefined || digestHex(digestOf(bytes)) !== hashes?.sha256) return undefined;
  const { index } = parseReleaseIndex(bytes, `the draft of ${name}`);
  return index.product === product && index.channel === channel ? { targets, index, bytes } : undefined;
}

const textOf = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
