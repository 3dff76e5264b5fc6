import type { Problem } from './fields.ts';
import type { Release, ReleaseIndex, Wave } from './release-index.ts';

/** What the fields of an index must have to do with each other. */
export const releaseProblems = ({ releases }: ReleaseIndex): Problem[] => [
  ...repeated(releases, ({ release, arch }) => `release ${release} for ${arch}`),
  ...repeated(releases, ({ version, arch }) => `version ${version} for ${arch}`),
  ...releases.flatMap((release, at) => [...rangeProblems(release, at), ...waveProblems(release.waves, at)]),
];

function repeated(releases: readonly Release[], nameOf: (release: Release) => string): Problem[] {
  const all = releases.map(nameOf);
  return all.flatMap((own, at) =>
    all.indexOf(own) < at ? [{ path: ['releases', at], text: `is ${own} for the second time` }] : [],
  );
}

function rangeProblems({ release, minimum, maximum }: Release, at: number): Problem[] {
  if (minimum !== undefined && maximum !== undefined && minimum > maximum)
    return [{ path: ['releases', at, 'minimum'], text: `must not be more than the maximum, ${maximum}` }];
  if (minimum !== undefined && minimum >= release)
    return [{ path: ['releases', at, 'minimum'], text: `must be less than the release itself, ${release}` }];
  return [];
}

function waveProblems(waves: readonly Wave[], at: number): Problem[] {
  return waves.flatMap((wave, index): Problem[] => {
    const before = waves[index - 1];
    const path = ['releases', at, 'waves', index];
    if (wave.start_seed !== (before?.end_seed ?? 0))
      return [
        { path: [...path, 'start_seed'], text: `must be ${before?.end_seed ?? 0}: waves have no gaps` },
      ];
    if (before !== undefined && Date.parse(wave.start) < Date.parse(before.start))
      return [{ path: [...path, 'start'], text: 'must not be before that of the wave before it' }];
    return [];
  });
}
