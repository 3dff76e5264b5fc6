import type { Host } from '../../host/index.ts';
import type { Layout } from '../../layout/index.ts';
import { type Descriptor, type Digest, digestFromHex, digestHex, isDigest, media } from '../../oci/index.ts';
import type { Artifact } from '../artifacts.ts';
import { orUndefined } from './absent.ts';

export type Content = {
  readonly size: number;
  /** Bytes from `start` to before `end`; whoever gets them hashes them. A piece is good until the next but one is asked for. */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
};

/** One repository as it is given away: nothing can be put there. What is not there is undefined. */
export type Shelf = {
  tags(): Promise<readonly string[]>;
  /** By tag or digest. */
  manifest(
    name: string,
  ): Promise<{ readonly descriptor: Descriptor; readonly bytes: Uint8Array } | undefined>;
  blob(digest: Digest): Promise<Content | undefined>;
  referrers(digest: Digest): Promise<readonly Descriptor[]>;
};

/** As many readers as there may be, slow ones too, each have three in memory. */
const pieceSize = 128 * 1024;

/** The store. A target's name there is its digest, which is no tag: in a registry it is the hex digits (FORMATS 4). */
export function storeShelf(host: Host, store: Layout): Shelf {
  const toName = (tag: string): string => (/^[0-9a-f]{64}$/.test(tag) ? digestFromHex(tag) : tag);
  return {
    tags: async () => (await store.tags()).map((name) => (isDigest(name) ? digestHex(name) : name)).sort(),
    manifest: (name) =>
      orUndefined(async () => {
        const descriptor = await store.resolve(isDigest(name) ? name : toName(name));
        return { descriptor, bytes: await store.read(descriptor) };
      }),
    blob: async (digest) => {
      const file = await store.findBlob(digest);
      if (file === undefined) return undefined;
      const { path, size } = file;
      const options = { noFollow: true, reuse: pieceSize };
      return { size, read: (start, end) => host.files.stream(path, { start, end, ...options }) };
    },
    referrers: async (digest) => store.referrers({ mediaType: media.manifest, digest, size: 0 }),
  };
}

/** Artifacts in memory: those with tags, and by the digest of one what refers to it. */
export function artifactShelf(
  tagged: ReadonlyMap<string, Artifact>,
  referring: ReadonlyMap<Digest, readonly Artifact[]>,
): Shelf {
  const all = [...tagged.values(), ...[...referring.values()].flat()];
  const roots = new Map(all.map(({ root }) => [root.digest, root]));
  const contents = new Map(
    all.flatMap((artifact) => artifact.contents.map(([{ digest }, bytes]) => [digest, bytes] as const)),
  );
  return {
    tags: async () => [...tagged.keys()].sort(),
    async manifest(name) {
      const descriptor = isDigest(name) ? roots.get(name) : tagged.get(name)?.root;
      const bytes = descriptor && contents.get(descriptor.digest);
      return descriptor === undefined || bytes === undefined ? undefined : { descriptor, bytes };
    },
    async blob(digest) {
      const bytes = contents.get(digest);
      return bytes && { size: bytes.length, read: (start, end) => once(bytes.subarray(start, end)) };
    },
    referrers: async (digest) => (referring.get(digest) ?? []).map(({ root }) => root),
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
