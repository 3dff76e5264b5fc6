import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import {
  type Architecture,
  diffReleases,
  type Product,
  parseReleaseIndex,
  type Release,
  type ReleaseIndex,
  renderReleaseIndex,
  type Wave,
} from '../../manifest/index.ts';
import type { Report } from '../../steps/index.ts';
import { draftChannel, type PublishedChannel, usualDays } from '../../trust/index.ts';
import { type ChannelOptions, openPublishing, type Publishing } from './publishing.ts';
import { putFiles } from './put.ts';

/** A change that waits for `mosb release sign`. */
export type EditedChannel = {
  readonly channel: string;
  /** False where the index said so already. */
  readonly changed: boolean;
  /** All that waits to be signed, against what machines see. */
  readonly waiting: readonly string[];
  /** Of the role targets: keys that signed the draft, and how many must. */
  readonly signed: number;
  readonly needed: number;
};

/** Changes the draft of a channel; nothing that machines see. */
export async function editIndex(
  p: Publishing,
  change: (index: ReleaseIndex) => ReleaseIndex,
): Promise<EditedChannel> {
  const published = await p.look();
  const before = indexOf(published);
  const bytes = renderReleaseIndex(change(before));
  const { index } = parseReleaseIndex(bytes, `the index of ${p.name}`); // what machines would refuse isn't signed
  const seen = published.reading?.index;
  const changed = !Buffer.from(bytes).equals(renderReleaseIndex(before));
  const waiting = diffReleases(seen, index);
  if (!changed) return { channel: p.name, changed, waiting, signed: 0, needed: 0 };
  const { files, found, needed } = await draftChannel(p.keys, published, bytes, {
    now: p.time.now,
    days: usualDays,
  });
  await putFiles(p, files);
  return { channel: p.name, changed, waiting, signed: found, needed };
}

/** What is changed next: the draft, else what machines see, else an empty index. */
export const indexOf = ({ draft, reading, product, channel }: PublishedChannel): ReleaseIndex =>
  draft?.index ?? reading?.index ?? { version: 1, product: product as Product, channel, releases: [] };

/** Changes the releases of a version, on one kind of processor or on all. */
function changeReleases(
  p: Publishing,
  { version, arch }: ReleaseName,
  change: (release: Release) => Release,
): (index: ReleaseIndex) => ReleaseIndex {
  return (index) => {
    const isMeant = (one: Release) => one.version === version && (arch === undefined || one.arch === arch);
    if (!index.releases.some(isMeant))
      throw new MosError(
        'not-found',
        `cannot find the release ${version}${arch === undefined ? '' : ` for ${arch}`} in ${p.name}`,
        { hint: 'mosb release show lists those that are there' },
      );
    return { ...index, releases: index.releases.map((one) => (isMeant(one) ? change(one) : one)) };
  };
}

export type ReleaseName = { readonly version: string; readonly arch?: Architecture | undefined };

/** Says when which part of the fleet gets a release; without waves everybody at once. */
export async function setWaves(
  host: Host,
  options: ChannelOptions & ReleaseName & { readonly waves: readonly Wave[] },
  report: Report,
): Promise<EditedChannel> {
  await using p = await openPublishing(host, options, report);
  return editIndex(
    p,
    changeReleases(p, options, (release) => ({ ...release, waves: options.waves })),
  );
}

/** The publisher's recall: nobody is offered more than `max`; undefined lifts it. */
export async function setMax(
  host: Host,
  options: ChannelOptions & { readonly max: number | undefined },
  report: Report,
): Promise<EditedChannel> {
  await using p = await openPublishing(host, options, report);
  const { max } = options;
  return editIndex(p, ({ max: _, ...index }) => ({ ...index, ...(max === undefined ? {} : { max }) }));
}

/** Nobody is offered the release any more, and who runs it is told why; undefined offers it again. Its number stays taken. */
export async function withdrawRelease(
  host: Host,
  options: ChannelOptions & ReleaseName & { readonly reason: string | undefined },
  report: Report,
): Promise<EditedChannel> {
  await using p = await openPublishing(host, options, report);
  const { reason } = options;
  const change = ({ withdrawn: _, ...release }: Release): Release => ({
    ...release,
    ...(reason === undefined ? {} : { withdrawn: reason }),
  });
  return editIndex(p, changeReleases(p, options, change));
}
