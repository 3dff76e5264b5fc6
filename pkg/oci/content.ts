import type { Descriptor } from './descriptor.ts';

/** Where content comes from: memory, a layout, a registry. What `open` gives is verified while it is read. */
export interface ContentSource {
  has(descriptor: Descriptor): Promise<boolean>;
  /** The bytes, through `verifiedBody`. */
  open(descriptor: Descriptor): AsyncIterable<Uint8Array>;
}

/** Where content goes to. `put` verifies; putting what is there already is no error. */
export interface ContentStore extends ContentSource {
  put(descriptor: Descriptor, body: AsyncIterable<Uint8Array>): Promise<void>;
}

/** Names of manifests: a tag or a digest. `resolve` fails with `not-found`. */
export interface Tags {
  resolve(name: string): Promise<Descriptor>;
  tag(descriptor: Descriptor, name: string): Promise<void>;
}

/** Manifests that name another one as their subject (distribution-spec 1.1, "Listing Referrers"). */
export interface Referrers {
  /** With `artifactType` only those of that type; the type is checked again by us. */
  referrers(subject: Descriptor, artifactType?: string): Promise<readonly Descriptor[]>;
}

/** One repository: a folder in a zot root, a repository of a registry. */
export interface Repository extends ContentStore, Tags, Referrers {
  readonly name: string;
}
