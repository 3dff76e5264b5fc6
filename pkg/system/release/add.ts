import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import type { Architecture, Release, Wave } from '../../manifest/index.ts';
import { copyGraph, digestHex, isDigest, type Reference, renderReference } from '../../oci/index.ts';
import type { Report } from '../../steps/index.ts';
import { newestRevocationLists, verifyInstallManifest } from '../../trust/index.ts';
import { evidenceTypes, fetchEvidence } from '../evidence.ts';
import { type Place, placeOf, renderPlace } from '../places.ts';
import { type EditedChannel, editIndex } from './edit.ts';
import { type ChannelOptions, openPublishing, type Publishing } from './publishing.ts';

export type AddReleaseOptions = ChannelOptions & {
  /** The published install manifest. */
  readonly manifest: Reference;
  /** What people call it; default the tag of the manifest. */
  readonly version?: string | undefined;
  readonly arch: Architecture;
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly notes?: string | undefined;
  readonly waves: readonly Wave[];
};

/** Puts a published manifest into a channel. It is verified as a machine would, and comes along with its signatures. */
export async function addRelease(
  host: Host,
  options: AddReleaseOptions,
  report: Report,
): Promise<EditedChannel> {
  await using p = await openPublishing(host, options, report);
  const shown = renderReference(options.manifest);
  const taken = await takeManifest(p, options, shown, report);
  return editIndex(p, (index) => {
    const isSame = (one: Release) => one.release === taken.release && one.arch === options.arch;
    const known = index.releases.find(isSame);
    if (known !== undefined && known.manifest !== taken.manifest)
      throw new MosError(
        'exists',
        `cannot add ${shown}: release ${taken.release} for ${options.arch} is ${known.manifest} already`,
        { hint: 'publish it with a higher release number' },
      );
    return {
      ...index,
      releases: [...index.releases.filter((one) => !isSame(one)), joined(options, taken, known)],
    };
  });
}

/** Adding again changes what is said and leaves the rest: waves that were set since, a withdrawal. */
function joined(
  { version, arch, minimum, maximum, notes, waves }: AddReleaseOptions,
  taken: Taken,
  known: Release | undefined,
): Release {
  return {
    ...{ ...known, release: taken.release, manifest: taken.manifest, arch },
    version: version ?? known?.version ?? taken.version(),
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
    ...(notes === undefined ? {} : { notes }),
    waves: waves.length > 0 ? waves : (known?.waves ?? []),
  };
}

type Taken = Pick<Release, 'release' | 'manifest'> & {
  /** The tag of the manifest, which nobody may have asked for. */
  version(): string;
};

async function takeManifest(
  p: Publishing,
  options: AddReleaseOptions,
  shown: string,
  report: Report,
): Promise<Taken> {
  const { place, repository, name } = placeOf(options.manifest);
  requireSamePlace(p, place, shown);
  const source = await p.repositories.open(place, repository);
  const { artifact, evidence, revocations } = await fetchEvidence(source, name, shown, report);
  const { manifest } = await verifyInstallManifest(evidence, {
    anchors: p.anchors,
    product: p.keys.signer.product,
    time: p.time,
    revoked: newestRevocationLists(
      [...revocations, ...(p.revoked === undefined ? [] : [p.revoked])],
      p.anchors,
    ),
  });
  if (manifest.release === undefined)
    throw new MosError('invalid', `cannot add ${shown}: it has no release number`, {
      hint: 'write release: N into the import file and publish it again',
    });
  const isHere = repository === p.options.channel.repository;
  const tag = digestHex(artifact.digest);
  if (isHere) await p.repository.tag(artifact, tag);
  else
    await copyGraph(source, p.repository, artifact, { referrers: evidenceTypes, mountFrom: repository, tag });
  return { release: manifest.release, manifest: artifact.digest, version: () => versionOf(name, shown) };
}

/** The images of a manifest lie beside it: a machine would look for them where the channel is. */
function requireSamePlace(p: Publishing, place: Place, shown: string): void {
  const home = p.options.channel.place;
  const whereOf = (one: Place): string =>
    one.kind === 'registry' ? one.registry : `${one.kind}:${one.kind === 'zot' ? one.root : one.folder}`;
  if (whereOf(home) === whereOf(place)) return;
  throw new MosError('usage', `cannot add ${shown}: its images are not where ${p.name} is`, {
    hint: `publish it to ${renderPlace(home)} first`,
  });
}

function versionOf(name: string, shown: string): string {
  if (!isDigest(name)) return name;
  throw new MosError('usage', `cannot add ${shown}: it has no tag to be called by`, {
    hint: 'say it with --as VERSION',
  });
}
