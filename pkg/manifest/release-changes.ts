import type { Release, ReleaseIndex } from './release-index.ts';

/** What became different between two indexes, one line each; `before` is undefined for the first one. */
export function diffReleases(before: ReleaseIndex | undefined, after: ReleaseIndex): readonly string[] {
  const keyOf = ({ release, arch }: Release): string => `${release} ${arch}`;
  const known = new Map(before?.releases.map((one) => [keyOf(one), one]));
  const left = new Map(after.releases.map((one) => [keyOf(one), one]));
  return [
    ...(before?.max === after.max ? [] : [`max: ${after.max ?? 'none'} (was ${before?.max ?? 'none'})`]),
    ...after.releases.flatMap((one) => changesOf(known.get(keyOf(one)), one)),
    ...[...known.values()].filter((one) => !left.has(keyOf(one))).map((one) => `${nameOf(one)}: removed`),
  ];
}

const nameOf = ({ version, release, arch }: Release): string => `${version} (release ${release}, ${arch})`;

const compared = ['version', 'manifest', 'minimum', 'maximum', 'notes', 'withdrawn'] as const;

function changesOf(before: Release | undefined, after: Release): string[] {
  const waves = after.waves.length === 0 ? 'everybody at once' : countOf(after.waves.length);
  if (before === undefined) return [`${nameOf(after)}: added, ${waves}`];
  const changed = compared
    .filter((key) => before[key] !== after[key])
    .map((key) => `${nameOf(after)}: ${key} ${after[key] ?? 'none'} (was ${before[key] ?? 'none'})`);
  const isSame = JSON.stringify(before.waves) === JSON.stringify(after.waves);
  return isSame ? changed : [...changed, `${nameOf(after)}: now ${waves}`];
}

const countOf = (waves: number): string => `in ${waves} ${waves === 1 ? 'wave' : 'waves'}`;
