import { resolve } from 'node:path';
import { MosError } from '../../errors/index.ts';
import type { Release } from '../../manifest/index.ts';
import { parseReference, type Reference, redacted } from '../../oci/index.ts';
import { type Place, placeOf, renderPlace, targetsRepository } from '../places.ts';

/** A release channel: one repository of a registry or zot root. Its name is signed, the place is not: mirrors are others. */
export type Channel = { readonly place: Place; readonly repository: string };

/** `host[:port]/name` or `zot:ROOT:name` (ROOT relative to `cwd`), without a tag. */
export function parseChannel(text: string, cwd: string): Channel {
  const { place, repository } = placeOf(parse(text));
  if (repository === '' || repository === targetsRepository) throw bad(text);
  return { place: place.kind === 'zot' ? { ...place, root: resolve(cwd, place.root) } : place, repository };
}

function parse(text: string): Reference {
  try {
    return parseReference(`${text}:x`);
  } catch {
    throw bad(text);
  }
}

const bad = (text: string): MosError =>
  new MosError('usage', `cannot use ${JSON.stringify(redacted(text))} as a release channel`, {
    hint: 'forms: host[:port]/name, zot:ROOT:name, without a tag',
  });

export const renderChannel = ({ place, repository }: Channel): string =>
  `${renderPlace(place)}${place.kind === 'zot' ? ':' : '/'}${repository}`;

/** The install manifest of a release: it lies in the repository of its channel. */
export function referenceOfRelease(
  { place, repository }: Channel,
  { manifest }: Pick<Release, 'manifest'>,
): Reference {
  if (place.kind === 'zot') return { kind: 'zot', root: place.root, repository, name: manifest };
  if (place.kind === 'oci') return { kind: 'oci', folder: place.folder, name: manifest };
  return { kind: 'registry', registry: place.registry, scheme: place.scheme, repository, name: manifest };
}
