import { type Descriptor, type Digest, isDigest, isRepositoryName, isTag, media } from '../../oci/index.ts';
import type { Offer, Shelf } from '../../system/index.ts';
import { type Answer, Refused, type Request } from '../http/index.ts';
import { blobAnswer, manifestAnswer, registryError, registryJson } from './answers.ts';

/** Paths of the distribution API: digests have a colon, and some end with a slash. */
export const registryPaths = /^\/v2(?:\/[A-Za-z0-9_-][A-Za-z0-9._:-]*)*\/?$/;

/** The part of distribution-spec 1.1 that reads: nothing can be put, and whatever is not there is 404. */
export async function answerRegistry(offer: Offer, request: Request): Promise<Answer> {
  const { method, path } = request;
  if (method !== 'GET' && method !== 'HEAD') return registryError(405, 'UNSUPPORTED', { allow: 'GET, HEAD' });
  if (request.length > 0) throw new Refused(400, 'no body is wanted here');
  if (path === '/v2' || path === '/v2/') return registryJson({});
  if (path === '/v2/_catalog')
    return pageOf(request, [...offer.keys()].sort(), (repositories) => ({ repositories }));
  const [, name = '', kind = '', what = ''] =
    /^\/v2\/(.+)\/(manifests|blobs|tags|referrers)\/([^/]+)$/.exec(path) ?? [];
  const shelf = isRepositoryName(name) ? offer.get(name) : undefined;
  if (shelf === undefined) return registryError(404, 'NAME_UNKNOWN');
  return (
    (await kinds[kind]?.(shelf, what, request, name)) ?? registryError(404, unknown[kind] ?? 'UNSUPPORTED')
  );
}

const unknown: Readonly<Record<string, string>> = { manifests: 'MANIFEST_UNKNOWN', blobs: 'BLOB_UNKNOWN' };

type Find = (shelf: Shelf, what: string, request: Request, name: string) => Promise<Answer | undefined>;

const kinds: Readonly<Record<string, Find>> = {
  async manifests(shelf, what) {
    if (!isDigest(what) && !isTag(what)) return undefined;
    const found = await shelf.manifest(what);
    return found && manifestAnswer(found.descriptor, found.bytes);
  },
  async blobs(shelf, what, { headers }) {
    if (!isDigest(what)) return registryError(400, 'DIGEST_INVALID');
    const content = await shelf.blob(what);
    return content && blobAnswer(what, content, headers.get('range'));
  },
  async tags(shelf, what, request, name) {
    if (what !== 'list') return undefined;
    return pageOf(request, await shelf.tags(), (tags) => ({ name, tags }));
  },
  async referrers(shelf, what, { query }) {
    if (!isDigest(what)) return registryError(400, 'DIGEST_INVALID');
    // Media types have plus signs, which a form reads as blanks.
    return referrersAnswer(shelf, what, query.get('artifactType')?.replaceAll(' ', '+'));
  },
};

async function referrersAnswer(shelf: Shelf, digest: Digest, type: string | undefined): Promise<Answer> {
  const all = await shelf.referrers(digest);
  const manifests: readonly Descriptor[] =
    type === undefined ? all : all.filter(({ artifactType }) => artifactType === type);
  const filtered: Readonly<Record<string, string>> =
    type === undefined ? {} : { 'oci-filters-applied': 'artifactType' };
  return registryJson({ schemaVersion: 2, mediaType: media.index, manifests }, media.index, filtered);
}

const mostNames = 1000;

/** Names in their order, after `last`, `n` of them; a link says that more follow. */
function pageOf(
  { path, query }: Request,
  names: readonly string[],
  render: (page: readonly string[]) => object,
): Answer {
  const last = query.get('last');
  const wanted = query.get('n');
  if (wanted !== undefined && !/^\d{1,9}$/.test(wanted))
    return registryError(400, 'PAGINATION_NUMBER_INVALID');
  const count = Math.min(Number(wanted ?? mostNames), mostNames);
  const rest = last === undefined ? names : names.filter((name) => name > last);
  const page = rest.slice(0, count);
  const end = page.at(-1);
  const isMore = rest.length > page.length && end !== undefined;
  const link = `<${path}?n=${count}&last=${encodeURIComponent(end ?? '')}>; rel="next"`;
  return registryJson(render(page), 'application/json', isMore ? { link } : {});
}
