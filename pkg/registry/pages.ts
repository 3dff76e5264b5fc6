import { MosError } from '../errors/index.ts';
import { documentLimit } from '../oci/index.ts';
import type { Answer, Call } from './client.ts';
import type { Place } from './place.ts';

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

export type Page = { readonly answer: Answer; readonly bytes: Uint8Array };

/** The pages of a list. */
export async function* readPages(place: Place, call: Call): AsyncGenerator<Page> {
  const seen = new Set<string>();
  for (let to = call.to; ; ) {
    const page = await place.client.read({ ...call, to }, documentLimit, `the answer to "${call.what}"`);
    yield page;
    const { url, headers } = page.answer;
    seen.add(url.href);
    const next = nextPage(headers.get('link'), url);
    if (next === undefined) return;
    if (next.origin !== place.client.address.origin)
      throw new MosError('network', `cannot ${call.what}: the next page is at another host, ${next.host}`);
    if (seen.has(next.href) || seen.size >= pageLimit)
      throw new MosError('network', `cannot ${call.what}: its pages have no end`);
    to = next;
  }
}
