import test from 'ava';
import { nextOpening, parseWindow } from '../../../pkg/system/upgrade/window.ts';

const opens = test.macro((t, window: string, now: string, expected: string) => {
  t.is(nextOpening(parseWindow(window), new Date(now)).toISOString(), expected);
});

// 2027-03-01 is a Monday.
for (const [what, window, now, expected] of [
  ['before it', '02:00-04:00', '2027-03-01T01:59:59Z', '2027-03-01T02:00:00.000Z'],
  ['in it', '02:00-04:00', '2027-03-01T03:59:59Z', '2027-03-01T03:59:59.000Z'],
  ['at its end', '02:00-04:00', '2027-03-01T04:00:00Z', '2027-03-02T02:00:00.000Z'],
  [
    'after midnight of one that goes over it',
    '22:00-02:00',
    '2027-03-01T01:00:00Z',
    '2027-03-01T01:00:00.000Z',
  ],
  [
    'on the day after a day that is named',
    'sun 22:00-02:00',
    '2027-03-01T01:00:00Z',
    '2027-03-01T01:00:00.000Z',
  ],
  ['on a day that is not named', 'sat,sun 02:00-04:00', '2027-03-01T03:00:00Z', '2027-03-06T02:00:00.000Z'],
  ['after the only day of the week', 'mon 02:00-04:00', '2027-03-01T04:00:00Z', '2027-03-08T02:00:00.000Z'],
  ['on the last day of a month', 'thu 00:00-00:01', '2027-03-31T23:59:00Z', '2027-04-01T00:00:00.000Z'],
] as const)
  test(`${what} (${window}) it opens at the right time`, opens, window, now, expected);

for (const text of [
  '',
  '2:00-04:00',
  '24:00-01:00',
  '02:60-04:00',
  '02:00-02:00',
  'foo 02:00-04:00',
  'mon,mon 02:00-04:00',
  '02:00-04:00 ',
])
  test(`${JSON.stringify(text)} is no maintenance window`, (t) => {
    t.throws(() => parseWindow(text), {
      code: 'usage',
      message: `cannot use ${JSON.stringify(text)} as a maintenance window`,
    });
  });
