import { isMosError } from '../errors/index.ts';
import { type Descriptor, type Digest, isDocument, parseManifestOrIndex } from '../oci/index.ts';
import { readBlob } from './blobs.ts';
import { allEntries } from './entries.ts';
import type { LayoutFolder } from './folder.ts';

export type Referrer = { readonly subject: Digest; readonly descriptor: Descriptor };

/** What a manifest says of its subject, described as the referrers API does (distribution-spec 1.1). */
export function toReferrer(entry: Descriptor, bytes: Uint8Array): Referrer | undefined {
  const { mediaType, digest, size } = entry;
  const document = parseManifestOrIndex(entry, bytes);
  if (document.subject === undefined) return undefined;
  const ofConfig = 'config' in document ? (document.config as Descriptor).mediaType : undefined;
  const artifactType = document.artifactType ?? ofConfig;
  const descriptor = {
    mediaType,
    digest,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(document.annotations === undefined ? {} : { annotations: document.annotations }),
  };
  return { subject: document.subject.digest, descriptor };
}

/** A broken or hostile manifest refers to nothing and stops nobody; `verify` tells of it. */
export async function readReferrer(at: LayoutFolder, entry: Descriptor): Promise<Referrer | undefined> {
  if (!isDocument(entry)) return undefined;
  try {
    return toReferrer(entry, await readBlob(at, entry));
  } catch (error) {
    if (isMosError(error)) return undefined;
    throw error;
  }
}

/** Manifests listed anywhere in the layout, with a name or without, whose subject is this one. */
export async function findReferrers(
  at: LayoutFolder,
  subject: Descriptor,
  artifactType?: string,
): Promise<readonly Descriptor[]> {
  const found = new Map<Digest, Descriptor>();
  for (const entry of await allEntries(at)) {
    if (found.has(entry.digest)) continue;
    const referrer = await readReferrer(at, entry);
    if (referrer?.subject !== subject.digest) continue;
    if (artifactType === undefined || referrer.descriptor.artifactType === artifactType)
      found.set(entry.digest, referrer.descriptor);
  }
  return [...found.values()];
}
