import { MosError } from '../errors/index.ts';
import {
  type Descriptor,
  isDigest,
  isDocument,
  isRepositoryName,
  parseManifestOrIndex,
  type ReadOptions,
  readVerified,
  verifiedBody,
} from '../oci/index.ts';
import type { Client } from './client.ts';
import { Documents } from './documents.ts';
import { download } from './download.ts';
import { fetchManifest, pushManifest } from './manifests.ts';
import type { RegistryRepository } from './options.ts';
import { contentPath, nameAt, type Place, pulling } from './place.ts';
import { listReferrers, noteReferrer, referrerEntry } from './referrers.ts';
import { type Content, contentOf } from './send.ts';
import { listTags } from './tags.ts';
import { mountBlob, uploadBlob } from './upload.ts';

export function repositoryOf(
  client: Client,
  name: string,
  chunkSize: number | undefined,
): RegistryRepository {
  if (!isRepositoryName(name))
    throw new MosError(
      'usage',
      `cannot use ${JSON.stringify(name.slice(0, 100))} as the name of a repository`,
    );
  const place: Place = { client, repository: name };
  const documents = new Documents();

  const has = (descriptor: Descriptor): Promise<boolean> => isThere(place, descriptor);
  const put = async (descriptor: Descriptor, content: Content): Promise<void> => {
    if (isDocument(descriptor)) return putDocument(place, documents, descriptor, content.open(0));
    if (!(await has(descriptor))) await uploadBlob(place, descriptor, content, chunkSize);
  };
  const resolve = async (tagOrDigest: string): Promise<Descriptor> =>
    documents.keep(await fetchManifest(place, tagOrDigest)).descriptor;

  return {
    name: `${client.address.host}/${name}`,
    has,
    open: (descriptor, options) => open(place, documents, descriptor, options),
    openRest: (descriptor, start, options) => download(place, descriptor, start, options),
    put: (descriptor, body) => put(descriptor, contentOf(body)),
    putFrom: (descriptor, from) => put(descriptor, { isOnce: false, open: from }),
    mountFrom: (descriptor, from) =>
      isDocument(descriptor) ? Promise.resolve(false) : mountBlob(place, descriptor, from),
    resolve,
    tag: (descriptor, tag) => putTag(place, documents, descriptor, tag),
    referrers: (subject, artifactType) => listReferrers(place, subject, artifactType),
    tags: () => listTags(place),
  };
}

async function* open(
  place: Place,
  documents: Documents,
  descriptor: Descriptor,
  options: ReadOptions | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const kept = documents.find(descriptor);
  if (kept !== undefined) yield kept;
  else yield* verifiedBody(descriptor, download(place, descriptor, 0, options));
}

/** 200 with another length is not the content that was asked for. */
async function isThere(place: Place, descriptor: Descriptor): Promise<boolean> {
  const { status, headers } = await place.client.send({
    what: `look for ${nameAt(place, descriptor.digest)}`,
    method: 'HEAD',
    to: contentPath(place, descriptor),
    scopes: pulling(place),
    expect: [200, 404],
    headers: { Accept: descriptor.mediaType },
  });
  const length = headers.get('content-length');
  return status === 200 && (length === undefined || Number(length) === descriptor.size);
}

async function putDocument(
  place: Place,
  documents: Documents,
  descriptor: Descriptor,
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  const bytes = await readVerified(descriptor, body);
  const manifest = parseManifestOrIndex(descriptor, bytes);
  const document = documents.keep({ descriptor, bytes });
  const { subject } = manifest;
  if (!(await isThere(place, descriptor))) {
    const answer = await pushManifest(place, document, descriptor.digest);
    // The registry says with this header that it keeps the referrers itself.
    if (answer.headers.has('oci-subject')) return;
  }
  if (subject !== undefined) await noteReferrer(place, subject, referrerEntry(descriptor, manifest));
}

/** A name that says the same already is left as it is: publishing twice changes nothing. */
async function putTag(
  place: Place,
  documents: Documents,
  descriptor: Descriptor,
  tag: string,
): Promise<void> {
  if (isDigest(tag) && tag === descriptor.digest) return;
  const { client } = place;
  const present = await client.send({
    what: `look for ${nameAt(place, tag)}`,
    method: 'HEAD',
    to: `/v2/${place.repository}/manifests/${tag}`,
    scopes: pulling(place),
    expect: [200, 404],
    headers: { Accept: descriptor.mediaType },
  });
  if (present.status === 200 && present.headers.get('docker-content-digest') === descriptor.digest) return;
  const bytes = documents.find(descriptor) ?? (await fetchManifest(place, descriptor.digest)).bytes;
  await pushManifest(place, { descriptor, bytes }, tag);
}
