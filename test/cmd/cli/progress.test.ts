import test from 'ava';
import { duration, progressTo, renderBytes, size } from '../../../cmd/cli/progress.ts';
import type { Clock } from '../../../pkg/host/index.ts';

function clockAt(): Clock & { at: number } {
  const clock = { at: 0, now: () => new Date(0), monotonic: () => clock.at, sleep: async () => {} };
  return clock;
}

test('sizes are in powers of ten', (t) => {
  t.deepEqual([0, 999, 1000, 91_800_000, 999_950, 2e13].map(size), [
    '0 B',
    '999 B',
    '1.0 kB',
    '91.8 MB',
    '1.0 MB',
    '20.0 TB',
  ]);
});

test('durations are in the two largest units', (t) => {
  t.deepEqual([0.2, 59, 61, 3660].map(duration), ['1 s', '59 s', '1 min 1 s', '1 h 1 min']);
});

test('bytes are shown with rate and time left', (t) => {
  const bytes = { kind: 'bytes', what: 'fetch', done: 50e6, total: 92e6 } as const;
  t.is(renderBytes(bytes, 10e6), 'fetch: 50.0 MB of 92.0 MB, 10.0 MB/s, 5 s left');
  t.is(renderBytes({ ...bytes, done: 92e6 }, 10e6), 'fetch: 92.0 MB of 92.0 MB, 10.0 MB/s');
});

test('a terminal gets one line that is drawn over, with a bar', (t) => {
  const clock = clockAt();
  const said: string[] = [];
  const { report, clear } = progressTo({ columns: 80, write: (text) => void said.push(text) }, clock);
  report({ kind: 'bytes', what: 'fetch', done: 0, total: 100 });
  clock.at = 50;
  report({ kind: 'bytes', what: 'fetch', done: 10, total: 100 }); // too soon to draw again
  clock.at = 1000;
  report({ kind: 'bytes', what: 'fetch', done: 50, total: 100 });
  clear();
  t.is(
    said.join(''),
    `\r\x1b[K[${'.'.repeat(30)}] fetch: 0 B of 100 B` +
      `\r\x1b[K[${'#'.repeat(15)}${'.'.repeat(15)}] fetch: 50 B of 100 B, 50 B/s, 1 s left\r\x1b[K`,
  );
});

test('without a terminal there are plain lines, for bytes one every ten seconds', (t) => {
  const clock = clockAt();
  const said: string[] = [];
  const { report } = progressTo({ columns: undefined, write: (text) => void said.push(text) }, clock);
  report({ kind: 'step', name: 'fetch', index: 1, count: 3 });
  report({ kind: 'bytes', what: 'fetch', done: 10, total: 100 });
  clock.at = 10_000;
  report({ kind: 'bytes', what: 'fetch', done: 60, total: 100 });
  report({ kind: 'note', text: 'warning: \u001b[2Jso' });
  t.is(said.join(''), '[2/3] fetch\nfetch: 60 B of 100 B, 5 B/s, 8 s left\nwarning: \\x1b[2Jso\n');
});
