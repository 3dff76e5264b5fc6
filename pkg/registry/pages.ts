import { MosError } from '../errors/index.ts';
import { documentLimit } from '../oci/index.ts';
import type { Answer, Call } from './client.ts';
import type { Place } from './place.ts';
import { readCapped } from './read.ts';

/** Pages of one list that are read; a list without end is no answer. */
const pageLimit = 1000;

/**
 * The URL of the next page: `Link: <url>; rel="next"` (RFC 8288), relative to the page. undefined at the end.
 */
export function nextPage(header: string | undefined, page: URL): URL | undefined {
  for (const [, target = '', parameters = ''] of (header ?? '').matchAll(/<([^>]*)>([^<]*)/g))
    if (/;\s*rel="?next"?\s*(?:[;,]|$)/i.test(parameters) && URL.canParse(target, page.href))
      return new URL(target, page);
  return undefined;
}

/** The bytes of each page of a list, the first from `answer`. */
export async function* readPages(place: Place, call: Call, answer: Answer): AsyncGenerator<Uint8Array> {
  const seen = new Set<string>();
  for (let page = answer; ; ) {
    seen.add(page.url.href);
    yield await readCapped(page.body, documentLimit, `a page of ${page.url.pathname}`);
    const next = nextPage(page.headers.get('link'), page.url);
    if (next === undefined) return;
    if (next.origin !== place.client.address.origin)
      throw new MosError('network', `cannot ${call.what}: the next page is at another host, ${next.host}`);
    if (seen.has(next.href) || seen.size >= pageLimit)
      throw new MosError('network', `cannot ${call.what}: its pages have no end`);
    page = await place.client.send({ ...call, to: next });
  }
}
