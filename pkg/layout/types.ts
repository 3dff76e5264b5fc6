import type { Descriptor, Digest, Repository } from '../oci/index.ts';

/** One OCI image layout (image-spec 1.1, "Image Layout") that is read and written. */
export interface Layout extends Repository {
  /** Absolute, symbolic links resolved. */
  readonly folder: string;
  openRest: NonNullable<Repository['openRest']>;
  putFrom: NonNullable<Repository['putFrom']>;
  partialSize: NonNullable<Repository['partialSize']>;
  requireSpace: NonNullable<Repository['requireSpace']>;
  session: NonNullable<Repository['session']>;

  /** The file of a blob, for a mount; it is there, a regular file and as long as the descriptor says, else `corrupt` or `not-found`. */
  blobFile(descriptor: Descriptor): Promise<string>;
  /** The file of a blob and its length, whatever names it; a regular file, not hashed. */
  findBlob(digest: Digest): Promise<{ readonly path: string; readonly size: number } | undefined>;
  /** The bytes of a small document, verified. */
  read(descriptor: Descriptor): Promise<Uint8Array>;
  /** Entries of index.json in its order. */
  descriptors(): Promise<readonly Descriptor[]>;
  /** Names in index.json, sorted. */
  tags(): Promise<readonly string[]>;
  /** Takes a name away; the manifest's blobs stay until `gc`. `not-found` where there is none. */
  untag(name: string): Promise<void>;
  /** Removes what nothing reaches. */
  gc(options?: GcOptions): Promise<GcResult>;
  /** Hashes every blob and follows every entry; problems are data. */
  verify(options?: VerifyOptions): Promise<VerifyResult>;
  /** Makes index.json anew from the manifests among the blobs; what a readable one says is kept. */
  rebuildIndex(options?: RebuildOptions): Promise<readonly Descriptor[]>;
}

export type GcOptions = {
  /** Entries of index.json that stay; default: all. Referrers of what stays stay too. */
  readonly keep?: ReadonlySet<Digest>;
  /** Blobs that are never removed: layers in use by a mount. */
  readonly live?: ReadonlySet<Digest>;
  readonly dryRun?: boolean;
};
export type RemovedBlob = { readonly digest: Digest; readonly bytes: number };
export type GcResult = {
  /** Entries taken out of index.json. */
  readonly entries: readonly Descriptor[];
  readonly blobs: readonly RemovedBlob[];
  /** Bytes of unfinished downloads; those that a living process writes are left alone. */
  readonly partial: number;
  /** Bytes freed, blobs and unfinished downloads. */
  readonly bytes: number;
};

export type VerifyOptions = {
  readonly concurrency?: number;
  readonly signal?: AbortSignal;
  readonly report?: (event: {
    readonly kind: 'bytes';
    readonly what: string;
    readonly done: number;
    readonly total: number;
  }) => void;
};
export type Problem = {
  /**
   * missing: named by a manifest, not there · truncated: fewer or more bytes than named · altered: other bytes ·
   * orphan: there, named by nothing (harmless, `gc` removes it) · invalid: no regular file, or a document that can't be read
   */
  readonly kind: 'missing' | 'truncated' | 'altered' | 'orphan' | 'invalid';
  readonly digest: Digest;
  readonly message: string;
  /** Entries of index.json that need the blob. */
  readonly neededBy: readonly string[];
};
export type VerifyResult = {
  readonly blobs: number;
  readonly bytes: number;
  readonly problems: readonly Problem[];
};

export type RebuildOptions = {
  /** The name of a manifest that no readable index names, as in the machine's store: its digest. */
  readonly name?: (descriptor: Descriptor) => string | undefined;
};

/** A folder of repositories, each a layout at its name (zot's storage root). */
export interface ZotRoot {
  readonly root: string;
  /** Names of the layouts below the root, sorted. */
  repositories(): Promise<readonly string[]>;
  /** `not-found` where there is none and `create` wasn't asked for. */
  repository(name: string, options?: { readonly create?: boolean }): Promise<Layout>;
}
