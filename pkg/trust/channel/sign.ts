import type { Metadata } from '@tufjs/models';
import type { Product } from '../../manifest/index.ts';
import { digestHex, digestOf } from '../../oci/index.ts';
import { signWithTufKey, type TufKey } from '../keyset/tuf-store.ts';
import {
  channelField,
  indexTarget,
  type MetadataOf,
  productField,
  type SignedOf,
  specification,
  type TufRole,
  tuf,
} from './metadata.ts';

/** Adds the signatures of these keys; those of others stay. */
export async function signMetadata(
  metadata: Metadata<SignedOf[TufRole]>,
  keys: readonly TufKey[],
): Promise<void> {
  const { Signature } = await tuf();
  for (const key of keys)
    metadata.sign((bytes) => new Signature({ keyID: key.id, sig: signWithTufKey(key, bytes) }));
}

export const renderMetadata = (metadata: Metadata<SignedOf[TufRole]>): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify(metadata.toJSON(), null, 2)}\n`);

/** Whose metadata it is, which version, and until when it counts (RFC 3339). */
export type MetadataHead = {
  readonly product: Product | string;
  readonly channel: string;
  readonly version: number;
  readonly expires: string;
};

const optionsOf = ({ product, channel, version, expires }: MetadataHead) => ({
  version,
  expires,
  specVersion: specification,
  unrecognizedFields: { [productField]: product, [channelField]: channel },
});

const lengthAndHashes = (bytes: Uint8Array) => ({
  length: bytes.length,
  hashes: { sha256: digestHex(digestOf(bytes)) },
});

/** What another role announces: the file's very bytes. */
export type SignedFile = { readonly version: number; readonly bytes: Uint8Array };

/** Names the index document. */
export async function makeTargets(head: MetadataHead, index: Uint8Array): Promise<MetadataOf<'targets'>> {
  const { Metadata, TargetFile, Targets } = await tuf();
  const target = new TargetFile({ path: indexTarget, ...lengthAndHashes(index) });
  return new Metadata(new Targets({ ...optionsOf(head), targets: { [indexTarget]: target } }));
}

export async function makeSnapshot(head: MetadataHead, targets: SignedFile): Promise<MetadataOf<'snapshot'>> {
  const { MetaFile, Metadata, Snapshot } = await tuf();
  const file = new MetaFile({ version: targets.version, ...lengthAndHashes(targets.bytes) });
  return new Metadata(new Snapshot({ ...optionsOf(head), meta: { 'targets.json': file } }));
}

export async function makeTimestamp(
  head: MetadataHead,
  snapshot: SignedFile,
): Promise<MetadataOf<'timestamp'>> {
  const { MetaFile, Metadata, Timestamp } = await tuf();
  const file = new MetaFile({ version: snapshot.version, ...lengthAndHashes(snapshot.bytes) });
  return new Metadata(new Timestamp({ ...optionsOf(head), snapshotMeta: file }));
}
