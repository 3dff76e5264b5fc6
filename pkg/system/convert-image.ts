import { resolve } from 'node:path';
import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { type Descriptor, type ImageSource, isDigest, parseReference, type Reference } from '../oci/index.ts';
import type { Report } from '../steps/index.ts';
import { absoluteReference } from './absolute.ts';
import { type InspectedImage, inspectImage } from './inspect-image.ts';
import { openRepositories, placeOf, type RegistryAccess, type Repositories } from './places.ts';

export type ConvertImageOptions = {
  /** A reference, or `docker-archive:FILE[:NAME:TAG]`. */
  readonly source: string;
  readonly destination: Reference;
  readonly format: 'squashfs' | 'erofs' | undefined;
  /** `linux/arm64`; undefined: this machine's. */
  readonly platform: string | undefined;
  readonly scratch: string;
  readonly cache: string | undefined;
  /** The most bytes of one layer when it is unpacked. */
  readonly limit: number | undefined;
  readonly cwd: string;
  readonly access: RegistryAccess;
};

/** Puts an image with layers that can be mounted under a name; what it is then. */
export async function convertImage(
  host: Host,
  options: ConvertImageOptions,
  report: Report,
): Promise<InspectedImage> {
  const { destination, format, scratch, cache, limit, access } = options;
  const { place, repository, name } = placeOf(destination);
  if (isDigest(name))
    throw new MosError('usage', 'cannot convert to a digest: what it will be is not known before', {
      hint: 'give the destination a tag',
    });
  const { convertImage: convert, parsePlatform } = await import('../atomfs/index.ts');
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  await using repositories = openRepositories(host, access);
  const { source, root } = await openSource(host, options, repositories);
  const target = await repositories.open(place, repository, { create: true });
  await using _session = await target.session?.();
  const made = await convert(host, source, root, target, {
    ...{ format, platform, scratch, cache, limit, report },
    requirePlatform: platform !== undefined,
    signal: access.signal,
  });
  await target.tag(made, name);
  return inspectImage(host, destination, access);
}

const archivePrefix = 'docker-archive:';

async function openSource(
  host: Host,
  { source: text, cwd }: ConvertImageOptions,
  repositories: Repositories,
): Promise<{ source: ImageSource; root: Descriptor }> {
  if (text.startsWith(archivePrefix)) {
    const [file = '', ...name] = text.slice(archivePrefix.length).split(':');
    const { openDockerArchive } = await import('../layout/index.ts');
    const source = await openDockerArchive(host, resolve(cwd, file));
    return { source, root: await source.resolve(name.join(':')) };
  }
  const { place, repository, name } = placeOf(absoluteReference(parseReference(text), cwd));
  const source = await repositories.open(place, repository);
  return { source, root: await source.resolve(name) };
}
