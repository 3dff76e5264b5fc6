import { MosError } from '../../errors/index.ts';

/** When a machine may be changed: on these days of the week (0 is Sunday), minutes since midnight, all in UTC. */
export type Window = { readonly days: readonly number[]; readonly from: number; readonly to: number };

const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const dayMinutes = 24 * 60;
const minute = 60_000;

const bad = (text: string): MosError =>
  new MosError('usage', `cannot use ${JSON.stringify(text.slice(0, 100))} as a maintenance window`, {
    hint: 'like 02:00-04:00, or sat,sun 22:00-02:00; days are those of its beginning, times are UTC',
  });

/** `02:00-04:00` on any day, `sat,sun 22:00-02:00` on some; one that ends before it begins ends on the next day. */
export function parseWindow(text: string): Window {
  const match = /^(?:([a-z]{3}(?:,[a-z]{3})*) )?(\d{2}):(\d{2})-(\d{2}):(\d{2})$/.exec(text);
  if (match === null) throw bad(text);
  const [, names, ...numbers] = match;
  const [fromHour = 0, fromMinute = 0, toHour = 0, toMinute = 0] = numbers.map(Number);
  const days =
    names === undefined
      ? dayNames.map((_, day) => day)
      : names.split(',').map((name) => (dayNames as readonly string[]).indexOf(name));
  const from = fromHour * 60 + fromMinute;
  const to = toHour * 60 + toMinute;
  const isTime = fromHour < 24 && toHour < 24 && fromMinute < 60 && toMinute < 60;
  if (!isTime || from === to || days.includes(-1) || new Set(days).size !== days.length) throw bad(text);
  return { days, from, to };
}

/** The first moment from `now` on at which the window is open: `now` itself where it is. */
export function nextOpening({ days, from, to }: Window, now: Date): Date {
  const midnight = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
  const length = (to - from + dayMinutes) % dayMinutes;
  // Yesterday's may still be open; the same day of the next week is the last that can be first.
  for (let day = -1; day <= 7; day++) {
    const start = midnight + (day * dayMinutes + from) * minute;
    if (!days.includes(new Date(start).getUTCDay())) continue;
    if (now.getTime() < start + length * minute) return new Date(Math.max(start, now.getTime()));
  }
  throw new MosError('internal', 'cannot find when the maintenance window opens');
}
