import { isMosError, MosError } from '../../errors/index.ts';
import {
  type Descriptor,
  media,
  parseImageManifest,
  type Repository,
  readVerified,
} from '../../oci/index.ts';
import type { Report } from '../../steps/index.ts';
import type { ChannelSource } from '../../trust/index.ts';
import { readReferrers } from '../evidence.ts';

export async function resolveIfThere(repository: Repository, name: string): Promise<Descriptor | undefined> {
  try {
    return await repository.resolve(name);
  } catch (error) {
    if (isMosError(error, 'not-found')) return undefined;
    throw error;
  }
}

/** The files of a channel: each is an artifact whose tag is the file's name (docs/release-channels.md). */
export function channelSource(repository: Repository, report: Report): ChannelSource {
  return {
    async read(file, limit) {
      const found = await resolveIfThere(repository, file);
      return found && readFile(repository, found, file, limit);
    },
    async endorsements(file) {
      const found = await resolveIfThere(repository, file);
      if (found === undefined) return { certificates: [], signatures: [], revocations: [] };
      const subject = { mediaType: found.mediaType, digest: found.digest, size: found.size };
      const [certificates, signatures, revocations] = await Promise.all([
        readReferrers(repository, subject, media.certificate, report),
        readReferrers(repository, subject, media.signature, report),
        readReferrers(repository, subject, media.revocation, report),
      ]);
      return { certificates, signatures, revocations };
    },
  };
}

async function readFile(
  repository: Repository,
  found: Descriptor,
  file: string,
  limit: number,
): Promise<Uint8Array> {
  const manifest = parseImageManifest(await readVerified(found, repository.open(found)), file);
  const [layer, ...rest] = manifest.layers;
  const type = manifest.artifactType ?? manifest.config.mediaType;
  if (layer === undefined || rest.length > 0 || !Object.values(media.channel).some((known) => known === type))
    throw new MosError(
      'invalid',
      `cannot use ${file} of ${repository.name}: it is no file of a release channel (${type})`,
    );
  return readVerified(layer, repository.open(layer), limit);
}
