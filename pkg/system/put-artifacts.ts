import { isManifestType, type Repository } from '../oci/index.ts';
import type { Artifact } from './artifacts.ts';

type Content = Artifact['contents'][number];

/**
 * Blobs all at once: each costs a registry two answers and a sync. Then the first document, and the others, which may
 * name it, at once again: where a registry has no referrers API they get into its list together.
 */
export async function putArtifacts(repository: Repository, ...artifacts: readonly Artifact[]): Promise<void> {
  const contents = new Map(
    artifacts.flatMap((artifact) => artifact.contents.map((one) => [one[0].digest, one] as const)),
  );
  const all = [...contents.values()];
  const isDocument = ([descriptor]: Content) => isManifestType(descriptor.mediaType);
  const send = ([descriptor, bytes]: Content) => repository.put(descriptor, once(bytes));
  await Promise.all(all.filter((one) => !isDocument(one)).map(send));
  const [first, ...others] = all.filter(isDocument);
  if (first !== undefined) await send(first);
  await Promise.all(others.map(send));
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
