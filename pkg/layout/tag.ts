import { MosError } from '../errors/index.ts';
import { annotationKeys, type Descriptor, isDigest, isDocument } from '../oci/index.ts';
import { readBlob } from './blobs.ts';
import { allEntries, reachable } from './entries.ts';
import type { LayoutFolder } from './folder.ts';
import { isRefName, refNameOf, updateIndexFile } from './index-file.ts';
import { readReferrer, toReferrer } from './referrers.ts';

/** What an entry of index.json says; the descriptor's own annotations belong to where it came from. */
export const toEntry = (
  { mediaType, digest, size, artifactType, platform }: Descriptor,
  name?: string,
): Descriptor => ({
  mediaType,
  digest,
  size,
  ...(artifactType === undefined ? {} : { artifactType }),
  ...(platform === undefined ? {} : { platform }),
  ...(name === undefined ? {} : { annotations: { [annotationKeys.refName]: name } }),
});

/** Gives a manifest a name, which leaves the one that had it. All that the manifest names must be there. */
export async function tagManifest(at: LayoutFolder, descriptor: Descriptor, name: string): Promise<void> {
  if (!isRefName(name))
    throw new MosError(
      'usage',
      `cannot tag ${descriptor.digest} as ${JSON.stringify(name.slice(0, 100))}: that is no name for an image`,
    );
  if (isDigest(name) && name !== descriptor.digest)
    throw new MosError('usage', `cannot tag ${descriptor.digest} as ${name}: that is another digest`);
  await updateIndexFile(at, async (manifests) => {
    // Under the lock, which gc takes too: nothing checked here can vanish before the name is written.
    await checkComplete(at, descriptor, name);
    return withName(at, manifests, descriptor, name);
  });
}

async function withName(
  at: LayoutFolder,
  manifests: readonly Descriptor[],
  descriptor: Descriptor,
  name: string,
): Promise<readonly Descriptor[]> {
  const isOurs = (entry: Descriptor) => entry.digest === descriptor.digest;
  const isSame = (entry: Descriptor) => isOurs(entry) && refNameOf(entry) === name;
  if (manifests.some(isSame)) return withoutName(at, manifests, name, isSame);
  const others = await withoutName(at, manifests, name);
  return [
    ...others.filter((entry) => !isOurs(entry) || refNameOf(entry) !== undefined),
    toEntry(descriptor, name),
  ];
}

/** Takes a name from its entries but `except`; one whose manifest refers to another stays, unnamed. */
async function withoutName(
  at: LayoutFolder,
  manifests: readonly Descriptor[],
  name: string,
  except: (entry: Descriptor) => boolean = () => false,
): Promise<readonly Descriptor[]> {
  const kept: Descriptor[] = [];
  for (const entry of manifests) {
    if (refNameOf(entry) !== name || except(entry)) kept.push(entry);
    else if ((await readReferrer(at, entry)) !== undefined) kept.push(toEntry(entry));
  }
  return kept;
}

export const untagManifest = (at: LayoutFolder, name: string): Promise<void> =>
  updateIndexFile(at, (manifests) => {
    if (manifests.some((entry) => refNameOf(entry) === name)) return withoutName(at, manifests, name);
    throw new MosError('not-found', `cannot untag ${name} in ${at.folder}: no image there has that name`);
  });

async function checkComplete(at: LayoutFolder, descriptor: Descriptor, name: string): Promise<void> {
  const { lost } = await reachable(at, [descriptor]);
  if (lost[0] === undefined) return;
  throw new MosError(
    'state',
    `cannot tag ${descriptor.digest} as ${name} in ${at.folder}: ${lost[0].digest} is missing or incomplete`,
    { hint: 'copy the image again' },
  );
}

/** Lists a manifest that refers to another one, without a name, as zot does; others are listed when they get a name. */
export async function listReferrer(at: LayoutFolder, descriptor: Descriptor): Promise<void> {
  if (!isDocument(descriptor)) return;
  const referrer = toReferrer(descriptor, await readBlob(at, descriptor));
  if (referrer === undefined) return;
  await updateIndexFile(at, (manifests) =>
    manifests.some((entry) => entry.digest === descriptor.digest)
      ? manifests
      : [...manifests, toEntry(referrer.descriptor)],
  );
}

/** False for a manifest that refers to another one and was not listed yet: its writer was stopped before that. */
export async function isListed(at: LayoutFolder, descriptor: Descriptor): Promise<boolean> {
  if ((await readReferrer(at, descriptor)) === undefined) return true;
  return (await allEntries(at)).some((entry) => entry.digest === descriptor.digest);
}
