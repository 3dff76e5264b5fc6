import type { Descriptor } from './descriptor.ts';

export type ReadOptions = {
  /** Ends the reading at once, also a read that waits for another computer. */
  readonly signal?: AbortSignal | undefined;
  /** Pieces are only lent: the reader is done with one when it asks for the next but one, and its memory may go then. */
  readonly lent?: boolean | undefined;
};

/** Where content comes from: memory, a layout, a registry. What `open` gives is verified while it is read. */
export interface ContentSource {
  has(descriptor: Descriptor): Promise<boolean>;
  /** The bytes, through `verifiedBody`. */
  open(descriptor: Descriptor, options?: ReadOptions): AsyncIterable<Uint8Array>;
  /**
   * The bytes from `start` on, NOT verified: for `putFrom` alone, which hashes the whole. A source that can't begin in
   * the middle leaves it out.
   */
  openRest?(descriptor: Descriptor, start: number, options?: ReadOptions): AsyncIterable<Uint8Array>;
}

/** Where content goes to. `put` verifies; putting what is there already is no error. */
export interface ContentStore extends ContentSource {
  put(descriptor: Descriptor, body: AsyncIterable<Uint8Array>): Promise<void>;
  /**
   * Like `put`, from a source that can begin anywhere: `open` is called with the number of bytes that an interrupted
   * put left, again when the store must begin anew or go on after a broken connection, or not at all when the content
   * is there. Its bytes needn't be verified. The store says how it reads.
   */
  putFrom?(
    descriptor: Descriptor,
    open: (start: number, how?: Pick<ReadOptions, 'lent'>) => AsyncIterable<Uint8Array>,
  ): Promise<void>;
  /** Takes the content over from another repository of the same store without sending it; false where it can't. */
  mountFrom?(descriptor: Descriptor, repository: string): Promise<boolean>;
  /** Bytes that `putFrom` would not ask for again. */
  partialSize?(descriptor: Descriptor): Promise<number>;
  /** Refuses with `no-space` and the numbers what would not fit; `bytes` and `files` are those still to be written. */
  requireSpace?(need: { readonly bytes: number; readonly files: number }): Promise<void>;
  /** Until disposed, what was put is kept although nothing names it yet. */
  session?(): Promise<AsyncDisposable>;
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

/** What images can be taken from: a repository that need not be writable, an archive. */
export interface ImageSource extends ContentSource, Pick<Tags, 'resolve'>, Referrers {
  readonly name: string;
}

/** One repository: a folder in a zot root, a repository of a registry. */
export interface Repository extends ImageSource, ContentStore, Tags {}
