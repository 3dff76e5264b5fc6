import type { Digest } from '../oci/index.ts';
import { decode } from './document.ts';
import {
  type Findings,
  integer,
  list,
  oneOf,
  optional,
  problemsError,
  type Reader,
  record,
  refuse,
  renderPath,
  text,
  time,
} from './fields.ts';
import { manifestVersion, requireVersion } from './install.ts';
import type { Product } from './names.ts';
import { releaseProblems } from './release-rules.ts';
import { digest, name, versionText } from './target.ts';

/** The processors that a release may be for, in the words of OCI platforms. */
export const architectures = ['amd64', 'arm64'] as const;
export type Architecture = (typeof architectures)[number];

/** The seeds of machines are 0 to 2^32 − 1, drawn once, evenly. */
export const seedCount = 2 ** 32;

/**
 * When the machines whose seed is at least `start_seed` and less than `end_seed` get a release: spread evenly from
 * `start` to `end` (RFC 3339 in UTC, whole seconds).
 */
export type Wave = {
  readonly start_seed: number;
  readonly end_seed: number;
  readonly start: string;
  readonly end: string;
};

/** One release for one kind of processor. */
export type Release = {
  /** What people call it. */
  readonly version: string;
  /** The release number in its install manifest, which orders releases. */
  readonly release: number;
  /** Of the install manifest (its OCI manifest) in the repository of the channel. */
  readonly manifest: Digest;
  readonly arch: Architecture;
  /** Release numbers: only machines that run one from `minimum` to `maximum` may go here in one step. */
  readonly minimum?: number;
  readonly maximum?: number;
  /** A page for people, https. */
  readonly notes?: string;
  /** Why nobody should take it any more. */
  readonly withdrawn?: string;
  /** In the order of their seeds, without gaps from seed 0 on. None: everybody at once. Seeds behind the last: not yet. */
  readonly waves: readonly Wave[];
};

/** What a channel offers: the document that is signed as a target of its TUF repository (docs/release-channels.md). */
export type ReleaseIndex = {
  readonly version: typeof manifestVersion;
  readonly product: Product;
  /** The name of the channel: its repository without the registry, for example `machine/stable`. */
  readonly channel: string;
  /** The publisher's recall: releases with a higher number are not offered, and who runs one should leave it. */
  readonly max?: number;
  /** By release number, then by processor. */
  readonly releases: readonly Release[];
};

const channelName = text(
  (value) =>
    value.length <= 255 && /^[a-z0-9]+([._-]+[a-z0-9]+)*(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/.test(value),
  'must be the name of a repository',
);
const notes = text(
  (value) => /^https:\/\/[\x21-\x7e]{1,1000}$/.test(value),
  'must be an https address of at most 1000 characters',
);
const reason = text(
  (value) => /^[^\p{C}\u2028\u2029]{1,200}$/u.test(value),
  'must be 1 to 200 characters without control characters',
);

const wave: Reader<Wave> = (value, path, findings) => {
  const read: Wave = record({
    start_seed: integer(0, seedCount - 1),
    end_seed: integer(1, seedCount),
    start: time,
    end: time,
  })(value, path, findings);
  if (read?.start_seed >= read?.end_seed) return refuse(findings, path, 'must end behind its first seed');
  if (Date.parse(read?.start) >= Date.parse(read?.end))
    return refuse(findings, path, 'must end after it starts');
  return read;
};

const shape = {
  version: integer(manifestVersion, manifestVersion) as Reader<typeof manifestVersion>,
  product: name<Product>('product'),
  channel: channelName,
  max: optional(integer(0)),
  releases: list<Release>(
    record({
      version: versionText,
      release: integer(0),
      manifest: digest,
      arch: oneOf(...architectures),
      minimum: optional(integer(0)),
      maximum: optional(integer(0)),
      notes: optional(notes),
      withdrawn: optional(reason),
      waves: list(wave, 100),
    }),
    1000,
  ),
};

/** The index, and the fields that this program does not know: tolerated and to be reported. */
export type ReadReleaseIndex = { readonly index: ReleaseIndex; readonly unknown: readonly string[] };

/** Reads JSON bytes whose signature was verified. Every problem is in the one error. */
export function parseReleaseIndex(bytes: Uint8Array, what = 'the release index'): ReadReleaseIndex {
  const value = parseJson(decode(bytes, what), what);
  requireVersion(value, what);
  const findings: Findings = { problems: [], unknown: [] };
  const index: ReleaseIndex = record(shape)(value, [], findings);
  if (findings.problems.length === 0) findings.problems.push(...releaseProblems(index));
  if (findings.problems.length > 0) throw problemsError(what, findings.problems);
  return { index, unknown: findings.unknown.map(renderPath) };
}

function parseJson(document: string, what: string): unknown {
  try {
    return JSON.parse(document);
  } catch {
    throw problemsError(what, [{ path: [], text: 'it is no JSON' }]);
  }
}

const order = (a: Release, b: Release): number =>
  a.release - b.release || architectures.indexOf(a.arch) - architectures.indexOf(b.arch);

/** The bytes that are signed: fixed order of keys, releases in order, two blanks a level, a newline at the end. */
export const renderReleaseIndex = ({ version, product, channel, max, releases }: ReleaseIndex): Uint8Array =>
  new TextEncoder().encode(
    `${JSON.stringify({ version, product, channel, max, releases: releases.toSorted(order).map(ordered) }, null, 2)}\n`,
  );

const ordered = (release: Release) => ({
  version: release.version,
  release: release.release,
  manifest: release.manifest,
  arch: release.arch,
  minimum: release.minimum,
  maximum: release.maximum,
  notes: release.notes,
  withdrawn: release.withdrawn,
  waves: release.waves.map(({ start_seed, end_seed, start, end }) => ({ start_seed, end_seed, start, end })),
});
