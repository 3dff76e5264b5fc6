import test from 'ava';
import { backOff, isTransientStatus, retryAfter } from '../../pkg/registry/retry.ts';

test('the wait doubles, has a limit, and half of it is random', (t) => {
  t.deepEqual(
    [1, 2, 3, 4, 9].map((attempt) => backOff(attempt, () => 1)),
    [400, 800, 1600, 3200, 20_000],
  );
  t.deepEqual(
    [1, 2, 9].map((attempt) => backOff(attempt, () => 0)),
    [200, 400, 10_000],
  );
});

test('Retry-After is seconds or a date', (t) => {
  const now = new Date('2026-11-21T00:00:00Z');
  const after = (text: string) => retryAfter({ headers: new Map([['retry-after', text]]) }, now);
  t.is(after('7'), 7000);
  t.is(after('Sat, 21 Nov 2026 00:00:05 GMT'), 5000);
  t.is(after('Fri, 20 Nov 2026 00:00:05 GMT'), 0);
  t.is(after('soon'), undefined);
  t.is(retryAfter({ headers: new Map() }, now), undefined);
});

test('statuses that may go away are tried again', (t) => {
  t.deepEqual(
    [200, 400, 401, 403, 404, 408, 429, 500, 501, 502, 503, 504, 505, 507].filter(isTransientStatus),
    [408, 429, 500, 502, 503, 504],
  );
});
