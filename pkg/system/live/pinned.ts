import { MosError } from '../../errors/index.ts';
import { parseServiceName } from '../../manifest/index.ts';
import { isDigest, parseReference, type ZotReference } from '../../oci/index.ts';

/** The root file system of a live system, as a target (FORMATS 1 "mount"). */
export const liveTarget = parseServiceName('livecd');

/** FORMATS 8: the volume label of a medium, and the folder of its repositories. */
export const onMedium = { label: 'OCI-BOOT', repositories: 'oci' } as const;

/** Where a live system finds its medium. */
export const mediumFolder = '/run/mos/medium';

/** What a live initrd boots, out of its signed boot file: `machine/live@sha256:…`. */
export type LivePin = Pick<ZotReference, 'repository' | 'name'>;

export const renderPin = ({ repository, name }: LivePin): string => `${repository}@${name}\n`;

/** The text of the file in the initrd. A tag would leave it to the medium what is booted. */
export function parsePin(text: string): LivePin {
  const reference = parseReference(`zot:${onMedium.repositories}:${text.trim()}`);
  if (reference.kind === 'zot' && isDigest(reference.name))
    return { repository: reference.repository, name: reference.name };
  throw new MosError('corrupt', 'cannot use the live pin of this initrd: it names no digest');
}
