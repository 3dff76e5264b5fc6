import type { Architecture, Release, ReleaseIndex } from './release-index.ts';

/** What a machine is, as far as a channel cares; `release` is undefined where its manifest has no number. */
export type Running = { readonly release: number | undefined; readonly arch: Architecture };

/** The releases of a channel that a machine may take in one step, newest first. Waves are not looked at. */
export const releasesFor = (
  index: ReleaseIndex,
  { release: running = 0, arch }: Running,
): readonly Release[] =>
  index.releases
    .filter(
      (one) =>
        one.arch === arch &&
        one.withdrawn === undefined &&
        one.release > running &&
        one.release <= (index.max ?? Number.MAX_SAFE_INTEGER) &&
        running >= (one.minimum ?? 0) &&
        running <= (one.maximum ?? Number.MAX_SAFE_INTEGER),
    )
    .toSorted((a, b) => b.release - a.release);

/** Why the publisher wants nobody to run this release any more; undefined where it may stay. */
export function recallOf(index: ReleaseIndex, { release, arch }: Running): string | undefined {
  if (release === undefined) return undefined;
  if (release > (index.max ?? Number.MAX_SAFE_INTEGER))
    return `its publisher recalled everything above release ${index.max}`;
  const own = index.releases.find((one) => one.release === release && one.arch === arch);
  return own?.withdrawn === undefined ? undefined : `its publisher has withdrawn it: ${own.withdrawn}`;
}
