import type { Response } from './transport/index.ts';

/** Answers after which the same request may succeed. 501, 505 and 507 will not change. */
const transientStatuses = new Set([408, 429, 500, 502, 503, 504]);
export const isTransientStatus = (status: number): boolean => transientStatuses.has(status);

const firstDelay = 400;
const longestDelay = 20_000;
/** Longer than this we don't wait: the person should know. */
export const longestRetryAfter = 60_000;

/** Milliseconds before try `attempt` + 1 (from 1): doubled each time, a random half of it so that clients spread. */
export function backOff(attempt: number, random: () => number = Math.random): number {
  const whole = Math.min(longestDelay, firstDelay * 2 ** (attempt - 1));
  return Math.round(whole / 2 + (whole / 2) * random());
}

/** Retry-After in milliseconds: seconds or a date (RFC 9110 10.2.3). */
export function retryAfter({ headers }: Pick<Response, 'headers'>, now: Date): number | undefined {
  const text = headers.get('retry-after');
  if (text === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now.getTime());
}
