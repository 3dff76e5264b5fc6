import { type Host, readTextIfThere } from '../../host/index.ts';
import { type Digest, isDigest, parseReference } from '../../oci/index.ts';
import {
  type GenerationCommit,
  listGenerations,
  manifestTrailer,
  readGeneration,
  type SignedFile,
  trailer,
} from '../../state/index.ts';
import {
  type Artifact,
  certificateArtifact,
  installArtifact,
  revocationArtifact,
  signatureArtifact,
} from '../artifacts.ts';
import { type Machine, openMachine, openStoreIfThere } from '../machine.ts';
import { placeOf, targetsRepository } from '../places.ts';
import { keptLists } from '../revocation.ts';
import { orUndefined } from './absent.ts';
import { artifactShelf, type Shelf, storeShelf } from './shelf.ts';

/** What a machine gives away: its images, and the signed manifests of its generations under the names they came by. */
export type Offer = ReadonlyMap<string, Shelf>;

/** Older ones are of no use to a neighbour, whose own releases only grow. */
const newest = 16;

/**
 * Images are given as they lie in the store. Manifests lie in /config as bytes, signature and certificate: the artifacts
 * are made again, which gives the digests of `mosb manifest publish`. Of two generations with one name the newer counts.
 */
export async function readOffer(host: Host, root: string): Promise<Offer> {
  const machine = await openMachine(host, root);
  const store = await openStoreIfThere(host, machine);
  const lists = await readTextIfThere(host, keptLists(machine));
  const shelves = new Map<string, Map<string, Artifact>>();
  const referring = new Map<Digest, readonly Artifact[]>();
  for (const generation of await listGenerations(host, machine.state, { most: newest })) {
    const found = await orUndefined(() => readOwnManifest(host, machine, generation));
    if (found === undefined) continue;
    const { at, file } = found;
    const artifact = installArtifact(file.bytes);
    const shelf = shelves.get(at.repository) ?? new Map<string, Artifact>();
    shelves.set(at.repository, shelf);
    if (!shelf.has(at.name)) shelf.set(at.name, artifact);
    referring.set(artifact.root.digest, referrersOf(artifact, file, lists));
  }
  const offer = new Map<string, Shelf>();
  for (const [name, tagged] of shelves) offer.set(name, artifactShelf(tagged, referring));
  if (store !== undefined) offer.set(targetsRepository, storeShelf(host, store));
  return offer;
}

function referrersOf({ root }: Artifact, file: SignedFile, lists: string | undefined): readonly Artifact[] {
  const proof = [certificateArtifact(file.certificate, root), signatureArtifact(file.signature, root)];
  return lists === undefined ? proof : [...proof, revocationArtifact(Buffer.from(lists), root)];
}

/** The manifest that made a generation, and the name it came by; undefined where it came from a lone layout. */
async function readOwnManifest(host: Host, machine: Machine, { number, trailers }: GenerationCommit) {
  const source = trailer(trailers, 'Source');
  const sha = trailer(trailers, manifestTrailer);
  if (source === undefined || sha === undefined) return undefined;
  const { repository, name: given } = placeOf(parseReference(source));
  // One that was chosen by its digest has no tag, and with `created` of its publisher it had another digest.
  const name = isDigest(given) ? `generation-${number}` : given;
  const { files } = await readGeneration(host, machine.state, number);
  const file = [...files].find(([one]) => one === sha)?.[1];
  return repository === '' || repository === targetsRepository || file === undefined
    ? undefined
    : { at: { repository, name }, file };
}

/** Changes when an offer would: the history, the index of the store, the revocation lists. */
export async function offerMark(host: Host, root: string): Promise<string> {
  const machine = await openMachine(host, root);
  const { state, paths } = machine;
  const files = [
    `${state.git}/refs/heads/main`,
    `${state.git}/packed-refs`,
    `${paths.store}/${targetsRepository}/oci-layout`,
    keptLists(machine),
  ];
  const marks = files.map(async (path) => {
    const stat = await host.files.stat(path);
    return stat === undefined ? '-' : `${stat.inode} ${stat.ctimeMs} ${stat.size}`;
  });
  return (await Promise.all(marks)).join('\n');
}
