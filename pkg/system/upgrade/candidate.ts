import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { type Release, type Running, recallOf, releasesFor } from '../../manifest/index.ts';
import { parseReference, type Reference } from '../../oci/index.ts';
import type { Report } from '../../steps/index.ts';
import { architectureOf } from '../offered.ts';
import { pinReference } from '../pin-reference.ts';
import { type Channel, parseChannel, referenceOfRelease } from '../release/channel.ts';
import { readReleaseIndex } from '../release/read.ts';
import { turnOf } from './placement.ts';
import { machineSeed } from './seed.ts';
import type { UpdateSource } from './settings.ts';
import type { MachineLook } from './state.ts';

/** An update that a source offers to this machine, now or later. */
export type Candidate = {
  readonly version: string;
  /** Of the install manifest. */
  readonly digest: string;
  /** By that digest. */
  readonly reference: Reference;
  /** What the index of a channel says of it. */
  readonly release: number | null;
  /** Milliseconds of the epoch; undefined: as soon as it is seen; Infinity: nobody can say when. */
  readonly turn: number | undefined;
  /** False where only the manifest says whether it is another one than what runs. */
  readonly isNewer: boolean;
};

/** Newest first; and why the publisher wants nobody to run what runs here. */
export type Offer = { readonly candidates: readonly Candidate[]; readonly recalled: string | null };

export type Asking = {
  readonly root: string;
  readonly ca?: string | undefined;
  readonly builtAt: Date;
  readonly signal?: AbortSignal | undefined;
  readonly folder: string;
  readonly machine: MachineLook;
};

/** Asks the source what it has for this machine. */
export async function askSource(
  host: Host,
  source: UpdateSource | null,
  asking: Asking,
  report: Report,
): Promise<Offer> {
  if (source === null)
    throw new MosError('state', 'cannot look for updates: nobody has said where', {
      hint: 'mosctl update settings --source REF or --channel NAME, or POST /v1/updates/settings',
    });
  return source.kind === 'channel'
    ? askChannel(host, source, asking, report)
    : askTag(host, source, asking.signal);
}

async function askTag(host: Host, source: UpdateSource, signal: AbortSignal | undefined): Promise<Offer> {
  const access = { plainHttp: source.plainHttp, signal };
  const { reference, digest } = await pinReference(host, parseReference(source.reference), access);
  const candidate = {
    version: source.reference,
    digest,
    reference,
    release: null,
    turn: undefined,
    isNewer: false,
  };
  return { candidates: [candidate], recalled: null };
}

async function askChannel(
  host: Host,
  { reference, plainHttp, acceptExpired }: UpdateSource,
  { root, ca, builtAt, signal, folder, machine }: Asking,
  report: Report,
): Promise<Offer> {
  const channel = parseChannel(reference, '/');
  const access = { plainHttp, signal };
  const options = { root, ca, builtAt, channel, access, acceptExpired };
  const { index } = await readReleaseIndex(host, options, report);
  const seed = await machineSeed(host, folder);
  const running = runningOf(host, machine);
  return {
    candidates: releasesFor(index, running).map((release) => candidateOf(channel, release, seed)),
    recalled: recallOf(index, running) ?? null,
  };
}

function runningOf(host: Host, { running, history }: MachineLook): Running {
  const arch = architectureOf(host);
  if (arch === undefined)
    throw new MosError(
      'unsupported',
      `cannot follow a channel: it has nothing for ${host.machine.architecture}`,
    );
  return { arch, release: history.find(({ generation }) => generation === running)?.release ?? undefined };
}

const candidateOf = (channel: Channel, release: Release, seed: number): Candidate => ({
  version: release.version,
  digest: release.manifest,
  reference: referenceOfRelease(channel, release),
  release: release.release,
  turn: turnOf(release.waves, seed),
  isNewer: true,
});
