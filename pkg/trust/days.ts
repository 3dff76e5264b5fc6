import { MosError } from '../errors/index.ts';

const mostDays = 3650;

export function requireDays(days: number): void {
  if (!Number.isInteger(days) || days < 1 || days > mostDays)
    throw new MosError('usage', `cannot sign for ${days} days: it is 1 to ${mostDays}`);
}

const day = 24 * 60 * 60 * 1000;

/** The end of what is signed for so many days: RFC 3339 in UTC, whole seconds. */
export function daysAfter(now: Date, days: number): string {
  requireDays(days);
  return new Date(now.getTime() + days * day).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
