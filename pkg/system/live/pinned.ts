import { MosError } from '../../errors/index.ts';
import { parseServiceName } from '../../manifest/index.ts';
import { isDigest, parseReference, type ZotReference } from '../../oci/index.ts';
import { parsePlace, renderPlace } from '../places.ts';

/** The root file system of a live system, as a target (FORMATS 1 "mount"). */
export const liveTarget = parseServiceName('livecd');

/** FORMATS 8: the volume label of a medium, and the folder of its repositories. */
export const onMedium = { label: 'OCI-BOOT', repositories: 'oci' } as const;

/** Where a live system finds its medium. */
export const mediumFolder = '/run/mos/medium';

/**
 * What a live initrd boots, out of its signed boot file: `machine/live@sha256:…`, and in a line of its own the registry that
 * has it, `https://host:port`, unless it is on the medium.
 */
export type LivePin = Pick<ZotReference, 'repository' | 'name'> & { readonly repo?: string };

export const renderPin = ({ repository, name, repo }: LivePin): string =>
  `${repository}@${name}\n${repo === undefined ? '' : `${repo}\n`}`;

/** FORMATS 8: the beginning of the word of the kernel command line that says what is booted. */
export const rootWord = 'root=soci:';

/** What a boot file with a registry says on its command line, for whoever looks at it. */
export const renderRoot = ({ repository, name, repo }: LivePin): string | undefined =>
  repo === undefined ? undefined : `${rootWord}name=${repository}@${name},repo=${repo}`;

/** The text of the file in the initrd. A tag would leave it to the medium what is booted. */
export function parsePin(text: string): LivePin {
  const [what = '', repo, ...more] = text.trim().split('\n');
  const reference = parseReference(`zot:${onMedium.repositories}:${what}`);
  if (reference.kind === 'zot' && isDigest(reference.name) && more.length === 0) {
    const { repository, name } = reference;
    return { repository, name, ...(repo === undefined ? {} : { repo: requireRegistry(repo) }) };
  }
  throw new MosError('corrupt', 'cannot use the live pin of this initrd: it names no digest');
}

/** `host:port`, with a scheme or not; as a URL, which says the scheme. */
export function requireRegistry(text: string): string {
  const place = parsePlace(text, '/');
  if (place.kind === 'registry') return renderPlace({ ...place, scheme: place.scheme ?? 'https' });
  throw new MosError('usage', `cannot boot from ${text}: it is no registry`, {
    hint: 'for example https://registry.example.com',
  });
}
