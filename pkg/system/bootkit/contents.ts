import { MosError } from '../../errors/index.ts';
import { annotationKeys, type Digest, type ImageManifest, isDigest } from '../../oci/index.ts';

/** Where things are in the image of a bootkit. */
export const inBootkit = {
  bootFile: 'bootkit/uki-production.efi',
  loader: 'bootkit/loader.efi',
  keys: 'bootkit/keys',
  modules: 'lib/modules',
} as const;

/** What the manifest of a bootkit's image says of its boot file, and the id that the initrd in it has. */
export type DescribedBootFile = {
  readonly digest: Digest;
  readonly bytes: number;
  readonly buildId: string;
};

const idPattern = /^[0-9a-f]{64}$/;

export const describeBootFile = ({ digest, bytes, buildId }: DescribedBootFile): Record<string, string> => ({
  [annotationKeys.bootFile]: digest,
  [annotationKeys.bootFileSize]: String(bytes),
  [annotationKeys.buildId]: buildId,
});

/** `what` names the target in the message. The digest of the manifest is signed, so what it says is too. */
export function bootFileOf({ annotations = {} }: ImageManifest, what: string): DescribedBootFile {
  const digest = annotations[annotationKeys.bootFile];
  const bytes = Number(annotations[annotationKeys.bootFileSize]);
  const buildId = annotations[annotationKeys.buildId] ?? '';
  if (isDigest(digest) && Number.isSafeInteger(bytes) && bytes > 0 && idPattern.test(buildId))
    return { digest, bytes, buildId };
  throw new MosError('invalid', `cannot use ${what}: its image does not say which boot file is in it`, {
    hint: '`mosb bootkit build` makes an image that does; publish that one as the target bootkit',
  });
}

/** The build id as it stands in an initrd. */
export const parseBuildId = (text: string): string => {
  const id = text.trim();
  if (idPattern.test(id)) return id;
  throw new MosError('corrupt', 'cannot use the build id of this initrd: it must be 64 hex digits');
};
