import { MosError } from '../errors/index.ts';
import { seedCount, type Wave } from './release-index.ts';

/** A part of the fleet as a person says it; times as in a `Wave`. */
export type FleetPart = { readonly percent: number; readonly start: string; readonly end: string };

/** Waves that follow each other by seed. What the percentages leave gets no release until there are more waves. */
export function wavesOf(parts: readonly FleetPart[]): readonly Wave[] {
  let percent = 0;
  return parts.map(({ percent: own, start, end }) => {
    const start_seed = seedAt(percent);
    percent += own;
    const end_seed = seedAt(percent);
    if (own > 0 && end_seed > start_seed && end_seed <= seedCount)
      return { start_seed, end_seed, start, end };
    throw new MosError(
      'usage',
      `cannot make waves of ${parts.map((part) => part.percent).join(', ')} %: each must be more than 0, all at most 100`,
    );
  });
}

const seedAt = (percent: number): number => Math.round((percent / 100) * seedCount);

/** `5@2027-01-01T00:00:00Z/2027-01-03T00:00:00Z`: five percent of the fleet, spread from the one time to the other. */
export function parseFleetPart(text: string): FleetPart {
  const match = /^(\d{1,3}(?:\.\d{1,6})?)%?@([^/]{1,40})\/([^/]{1,40})$/.exec(text);
  if (match !== null) return { percent: Number(match[1]), start: match[2] ?? '', end: match[3] ?? '' };
  throw new MosError('usage', `cannot use ${JSON.stringify(text.slice(0, 100))} as a wave`, {
    hint: 'the form is PERCENT@START/END, for example 5@2027-01-01T00:00:00Z/2027-01-03T00:00:00Z',
  });
}
