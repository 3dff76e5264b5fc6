import { MosError, messageOf } from '../errors/index.ts';
import {
  type Descriptor,
  digestOf,
  documentLimit,
  isDigest,
  isIndexType,
  isManifestType,
  media,
  parseDigest,
} from '../oci/index.ts';
import type { Answer, Call } from './client.ts';
import { statusOf } from './failure.ts';
import { nameAt, type Place, pathOf, pulling, pushing } from './place.ts';

/** A manifest or index with its bytes, hashed by us. */
export type Document = { readonly descriptor: Descriptor; readonly bytes: Uint8Array };

const accepted = [media.manifest, media.index, media.dockerManifest, media.dockerList].join(', ');

/** The manifest that a tag or digest names. What was hashed is the answer: a digest in a header is only compared. */
export async function fetchManifest(place: Place, name: string): Promise<Document> {
  const what = `read ${nameAt(place, name)}`;
  const call: Call = {
    what,
    method: 'GET',
    to: pathOf(place, `manifests/${name}`),
    scopes: pulling(place),
    expect: [200],
    headers: { Accept: accepted },
  };
  const { answer, bytes } = await place.client.read(call, documentLimit, nameAt(place, name));
  const digest = digestOf(bytes);
  const named = isDigest(name) ? name : answer.headers.get('docker-content-digest');
  if (named !== undefined && named !== digest && named.startsWith('sha256:'))
    throw new MosError('corrupt', `cannot ${what}: its bytes hash to ${digest}, the registry says ${named}`);
  return { descriptor: { mediaType: typeOf(answer, bytes, what), digest, size: bytes.length }, bytes };
}

/** The document's own mediaType; where it has none, the Content-Type. The two must not tell different things. */
function typeOf({ headers }: Answer, bytes: Uint8Array, what: string): string {
  const header = (headers.get('content-type') ?? '').replace(/;.*$/, '').trim().toLowerCase();
  const own = ownTypeOf(bytes);
  if (own === undefined)
    throw new MosError(
      'network',
      `cannot ${what}: the registry sent no JSON but ${header || 'something else'}`,
    );
  const isKnown = (type: string): boolean => isManifestType(type) || isIndexType(type);
  const type = own === '' ? header : own;
  if (!isKnown(type))
    throw new MosError(
      'unsupported',
      `cannot ${what}: it is of type ${type || 'unknown'}, no OCI or Docker schema 2 manifest`,
    );
  if (isKnown(header) && header !== type)
    throw new MosError('invalid', `cannot ${what}: it says it is ${type}, the registry says ${header}`);
  return type;
}

/** '' where a JSON object doesn't say its type, undefined where it is none. */
function ownTypeOf(bytes: Uint8Array): string | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    if (typeof value !== 'object' || value === null) return undefined;
    const { mediaType } = value as { mediaType?: unknown };
    return typeof mediaType === 'string' ? mediaType : '';
  } catch {
    return undefined;
  }
}

/** Puts a manifest under a tag or its digest. The answer's headers say whether the registry noted its subject. */
export async function pushManifest(
  place: Place,
  { descriptor, bytes }: Document,
  name: string,
): Promise<Answer> {
  const what = `write ${nameAt(place, name)}`;
  const answer = await sendManifest(place, {
    what,
    method: 'PUT',
    to: pathOf(place, `manifests/${name}`),
    scopes: pushing(place),
    expect: [201],
    headers: { 'Content-Type': descriptor.mediaType },
    payload: { size: bytes.length, open: () => one(bytes) },
  });
  await answer.discard();
  checkStored(what, answer, descriptor);
  return answer;
}

const pushLimit = 3;

/**
 * docker-registry writes the link of a blob in place: who reads it in that moment, while another one pushes the same
 * blob, finds nothing, and refuses a manifest whose blobs are there.
 */
async function sendManifest(place: Place, call: Call): Promise<Answer> {
  for (let attempt = 1; ; attempt++)
    try {
      return await place.client.send(call);
    } catch (error) {
      const isUnknown =
        statusOf(error) === 400 && /\bBLOB_UNKNOWN|MANIFEST_BLOB_UNKNOWN/.test(messageOf(error));
      if (!isUnknown || attempt === pushLimit) throw error;
      await place.client.pause(attempt);
    }
}

/** A registry that stored other bytes than we sent must not be believed. */
export function checkStored(what: string, { headers }: Answer, { digest }: Descriptor): void {
  const stored = headers.get('docker-content-digest');
  if (stored === undefined || !stored.startsWith('sha256:') || stored === digest) return;
  throw new MosError(
    'corrupt',
    `cannot ${what}: the registry stored ${stored.slice(0, 80)} in place of ${parseDigest(digest)}`,
  );
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
