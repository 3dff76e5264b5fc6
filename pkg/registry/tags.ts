import { MosError } from '../errors/index.ts';
import { parseJson } from '../oci/index.ts';
import type { Call } from './client.ts';
import { readPages } from './pages.ts';
import { type Place, pathOf, pulling } from './place.ts';

/** All tags of a repository; `not-found` where there is none of that name. */
export async function listTags(place: Place): Promise<readonly string[]> {
  const name = `${place.client.address.host}/${place.repository}`;
  const call: Call = {
    what: `list the tags of ${name}`,
    method: 'GET',
    to: pathOf(place, 'tags/list?n=1000'),
    scopes: pulling(place),
    expect: [200],
  };
  const found: string[] = [];
  for await (const { bytes } of readPages(place, call)) {
    const { tags } = (parseJson(bytes, `the tags of ${name}`) ?? {}) as { tags?: unknown };
    // Go writes an empty list as null.
    if (tags !== null && !Array.isArray(tags))
      throw new MosError('network', `cannot ${call.what}: the answer has no list of tags`);
    found.push(...(tags ?? []).filter((tag: unknown): tag is string => typeof tag === 'string'));
  }
  return found;
}
