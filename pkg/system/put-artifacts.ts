import { isManifestType, type Repository } from '../oci/index.ts';
import type { Artifact } from './artifacts.ts';

/**
 * Blobs all at once: each costs a registry two answers and a sync. Documents one after the other, what names others
 * after them: where a registry has no referrers API, each changes the same list.
 */
export async function putArtifacts(repository: Repository, ...artifacts: readonly Artifact[]): Promise<void> {
  const contents = new Map(
    artifacts.flatMap((artifact) => artifact.contents.map((one) => [one[0].digest, one] as const)),
  );
  const isBlob = ([descriptor]: Artifact['contents'][number]) => !isManifestType(descriptor.mediaType);
  const send = ([descriptor, bytes]: Artifact['contents'][number]) => repository.put(descriptor, once(bytes));
  await Promise.all([...contents.values()].filter(isBlob).map(send));
  for (const one of contents.values()) if (!isBlob(one)) await send(one);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
