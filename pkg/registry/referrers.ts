import { codeOf, isMosError, MosError } from '../errors/index.ts';
import {
  type Descriptor,
  type Digest,
  digestHex,
  digestOf,
  type ImageIndex,
  type ImageManifest,
  isDescriptor,
  media,
  parseJson,
  parseManifestOrIndex,
  runPool,
} from '../oci/index.ts';
import type { Call } from './client.ts';
import { type Document, fetchManifest, pushManifest } from './manifests.ts';
import { readPages } from './pages.ts';
import { nameAt, type Place, pathOf, pulling } from './place.ts';

/** The tag under which clients keep the referrers of a manifest where a registry doesn't (distribution-spec 1.1). */
export const fallbackTag = ({ digest }: Descriptor): string => `sha256-${digestHex(digest)}`;

/** What names `subject`; from the referrers API, else from the fall-back tag. */
export async function listReferrers(
  place: Place,
  subject: Descriptor,
  artifactType?: string,
): Promise<readonly Descriptor[]> {
  const found =
    (await askReferrers(place, subject, artifactType)) ?? (await readFallback(place, subject))?.entries ?? [];
  const unique = [...new Map(found.map((entry) => [entry.digest, entry])).values()];
  const typed = await withOwnTypes(place, unique);
  return artifactType === undefined ? typed : typed.filter((entry) => entry.artifactType === artifactType);
}

/** Referrers whose manifest is read to learn their type. */
const readLimit = 256;
const readsAtOnce = 4;

/**
 * Some registries give the media type of the config, mostly that of the empty one, in place of the manifest's own
 * artifactType; then the manifest is asked. One that can't be read is left out: anybody may have put it there.
 */
async function withOwnTypes(place: Place, entries: readonly Descriptor[]): Promise<readonly Descriptor[]> {
  const doubtful = entries.filter(
    ({ artifactType }) => artifactType === undefined || artifactType === media.empty,
  );
  const read = new Map<Descriptor, Descriptor | undefined>(doubtful.map((entry) => [entry, undefined]));
  await runPool(doubtful.slice(0, readLimit), readsAtOnce, async (entry) => {
    read.set(entry, await readEntry(place, entry));
  });
  return entries.flatMap((entry) => (read.has(entry) ? (read.get(entry) ?? []) : entry));
}

async function readEntry(place: Place, entry: Descriptor): Promise<Descriptor | undefined> {
  try {
    const { descriptor, bytes } = await fetchManifest(place, entry.digest);
    return referrerEntry(descriptor, parseManifestOrIndex(descriptor, bytes));
  } catch (error) {
    const isItsOwnFault = ['not-found', 'corrupt', 'invalid', 'unsupported'].includes(codeOf(error));
    if (isItsOwnFault) return undefined;
    throw error;
  }
}

/** undefined where the registry has no referrers API: 404 by the specification; others say they don't know the path. */
async function askReferrers(
  place: Place,
  subject: Descriptor,
  artifactType?: string,
): Promise<readonly Descriptor[] | undefined> {
  const query = artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`;
  const call: Call = {
    what: `list the referrers of ${nameAt(place, subject.digest)}`,
    method: 'GET',
    to: pathOf(place, `referrers/${subject.digest}${query}`),
    scopes: pulling(place),
    expect: [200, 400, 404, 405, 501],
    headers: { Accept: media.index },
  };
  const found: Descriptor[] = [];
  for await (const { answer, bytes } of readPages(place, call)) {
    // A proxy or a single-page application answers 200 to everything.
    const isIndex = (answer.headers.get('content-type') ?? '').startsWith(media.index);
    if (answer.status !== 200 || !isIndex) return undefined;
    found.push(...entriesOf(bytes, call.what));
  }
  return found;
}

/** Entries that we can't use (another hash, a broken one) are left out: anybody may have put them there. */
function entriesOf(bytes: Uint8Array, what: string): Descriptor[] {
  const value = parseJson(bytes, `the answer to "${what}"`) as { manifests?: unknown } | null;
  if (!Array.isArray(value?.manifests))
    throw new MosError('network', `cannot ${what}: the answer is no image index`);
  return value.manifests.filter(isDescriptor);
}

type Fallback = { readonly entries: readonly Descriptor[]; readonly document: Document };

async function readFallback(place: Place, subject: Descriptor): Promise<Fallback | undefined> {
  try {
    const document = await fetchManifest(place, fallbackTag(subject));
    const what = `list the referrers of ${nameAt(place, subject.digest)}`;
    return { entries: entriesOf(document.bytes, what), document };
  } catch (error) {
    if (isMosError(error, 'not-found')) return undefined;
    throw error;
  }
}

/** The entry of a referrer: its own type, else that of its config, and its annotations. */
export function referrerEntry(
  { mediaType, digest, size }: Descriptor,
  manifest: ImageManifest | ImageIndex,
): Descriptor {
  const { annotations } = manifest;
  const artifactType =
    manifest.artifactType ?? ('config' in manifest ? manifest.config.mediaType : undefined);
  return { mediaType, digest, size, artifactType, ...(annotations === undefined ? {} : { annotations }) };
}

const updateLimit = 8;

/**
 * Notes a referrer where the registry doesn't do it. The specification has no compare-and-swap: two writers can overwrite
 * each other, so what was written is read again until the entry is in it. Writers of this process wait for each other,
 * and who comes first writes the entries of those who wait too.
 */
export async function noteReferrer(place: Place, subject: Descriptor, entry: Descriptor): Promise<void> {
  if ((await askReferrers(place, subject)) !== undefined) return;
  const key = `${place.client.address.origin}/${place.repository}@${subject.digest}`;
  const wanted = waiting.get(key) ?? new Map();
  waiting.set(key, wanted.set(entry.digest, entry));
  await inTurn(key, async () => {
    for (let attempt = 1; attempt <= updateLimit; attempt++) {
      const before = (await readFallback(place, subject))?.entries ?? [];
      const isThere = ({ digest }: Descriptor) => before.some((one) => one.digest === digest);
      if (isThere(entry)) return;
      const missing = [...new Map(wanted).set(entry.digest, entry).values()].filter((one) => !isThere(one));
      await pushManifest(place, renderIndex([...before, ...missing]), fallbackTag(subject));
      // The next turn reads it again; who lost waits a random while, so that one of them comes through.
      if (attempt > 1) await place.client.pause(Math.min(attempt - 1, 3));
    }
    throw new MosError(
      'busy',
      `cannot write ${nameAt(place, fallbackTag(subject))}: others overwrote it ${updateLimit} times`,
    );
  }).finally(() => {
    wanted.delete(entry.digest);
    if (wanted.size === 0) waiting.delete(key);
  });
}

/** Entries on their way into a list. */
const waiting = new Map<string, Map<Digest, Descriptor>>();

function renderIndex(entries: readonly Descriptor[]): Document {
  const index = { schemaVersion: 2, mediaType: media.index, manifests: entries };
  const bytes = Buffer.from(JSON.stringify(index));
  return { bytes, descriptor: { mediaType: media.index, digest: digestOf(bytes), size: bytes.length } };
}

const turns = new Map<string, Promise<void>>();

async function inTurn(key: string, work: () => Promise<void>): Promise<void> {
  const before = turns.get(key) ?? Promise.resolve();
  const own = before.catch(() => {}).then(work);
  turns.set(key, own);
  try {
    await own;
  } finally {
    if (turns.get(key) === own) turns.delete(key);
  }
}
