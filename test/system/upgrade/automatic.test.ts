import test from 'ava';
import { planAutomatic, retryAfter } from '../../../pkg/system/upgrade/automatic.ts';
import { emptyRecord, type UpgradeRecord } from '../../../pkg/system/upgrade/record.ts';
import { usualSettings } from '../../../pkg/system/upgrade/settings.ts';
import type { MachineLook } from '../../../pkg/system/upgrade/state.ts';
import { chosenAt, trial } from '../../helpers/trial.ts';

// 2027-03-01 is a Monday.
const now = new Date('2027-03-01T12:00:00Z');
const minutes = (count: number): string => new Date(now.getTime() + count * 60_000).toISOString();
const settings = {
  ...usualSettings,
  automatic: true,
  source: {
    kind: 'manifest' as const,
    reference: 'registry.example.com/machine/web:stable',
    plainHttp: false,
    acceptExpired: false,
  },
};
const memory = { checked: minutes(-60), failures: 0, failedAt: null };
const idle: UpgradeRecord = { ...emptyRecord, automatic: memory };
const chosen = chosenAt(minutes(-5));
const available = { ...idle, chosen };
const staged = { ...available, prepared: true };
const ready = { ...staged, generation: 7, trial };

const machine = (more: Partial<MachineLook> = {}): MachineLook => ({
  ...{ running: 6, next: null, bootId: 'boot 1' },
  history: [
    { generation: 7, commit: '7', verdict: null, release: null, source: null },
    { generation: 6, commit: '6', verdict: 'good', release: null, source: null },
  ],
  ...more,
});
const verdicts = (newest: 'good' | 'bad' | null, before: 'good' | 'bad' | null) =>
  machine({
    running: 7,
    history: [7, 6].map((generation) => ({
      ...{ generation, commit: '', release: null, source: null },
      verdict: generation === 7 ? newest : before,
    })),
  });

type Given = {
  readonly record: UpgradeRecord;
  readonly settings?: Partial<typeof settings & { window: string }>;
  readonly machine?: MachineLook;
  readonly holds?: readonly { owner: string; reason: string; since: string; until: string }[];
};
/** `activate at +60: why` */
const plan = (given: Given): string => {
  const next = planAutomatic(
    {
      holds: [],
      ...given,
      machine: given.machine ?? machine(),
      settings: { ...settings, ...given.settings },
    },
    now,
  );
  if (next === null) return 'nothing';
  const later = Math.round((next.at.getTime() - now.getTime()) / 60_000);
  const when = later <= 0 ? 'now' : `in ${later} min`;
  return [`${next.action} ${when}`, ...next.why].join(': ');
};
const hold = (until: number) => [
  { owner: 'backup', reason: 'it runs', since: minutes(-10), until: minutes(until) },
];
const failing = (failures: number, failed: number) => ({
  automatic: { ...memory, failures, failedAt: minutes(failed) },
});

for (const [title, given, expected] of [
  ['off: nothing is done', { record: ready, settings: { automatic: false } }, 'nothing'],
  ['without a source nothing is done', { record: idle, settings: { source: null as never } }, 'nothing'],
  ['the first look is at once', { record: emptyRecord }, 'check now'],
  ['then one comes every six hours', { record: idle }, 'check in 300 min'],
  ['or as often as told', { record: idle, settings: { checkEvery: 2 } }, 'check in 60 min'],
  [
    'the turn of the machine is waited for to the minute',
    { record: { ...idle, waiting: { version: 'v', digest: 'd', available_at: minutes(7), why: 'later' } } },
    'check in 7 min: later',
  ],
  [
    'a turn that the last look saw come is no reason to look again',
    { record: { ...idle, waiting: { version: 'v', digest: 'd', available_at: minutes(-90), why: 'lock' } } },
    'check in 300 min: lock',
  ],
  ['what is available is fetched', { record: available }, 'prepare now'],
  ['outside of the window too', { record: available, settings: { window: '02:00-04:00' } }, 'prepare now'],
  ['what is fetched is activated', { record: staged }, 'activate now'],
  [
    'in the maintenance window',
    { record: staged, settings: { window: '14:00-15:00' } },
    'activate in 120 min: the maintenance window is 14:00-15:00',
  ],
  ['which may be open', { record: staged, settings: { window: '11:00-13:00' } }, 'activate now'],
  ['and after a hold', { record: staged, holds: hold(30) }, 'activate in 30 min: backup holds it: it runs'],
  ['that counts while it lasts', { record: staged, holds: hold(-1) }, 'activate now'],
  [
    'a window that is over when the hold ends is one too few',
    { record: staged, holds: hold(90), settings: { window: '12:00-13:00' } },
    'check in 300 min: backup holds it: it runs: the maintenance window is 12:00-13:00',
  ],
  ['what waits is booted', { record: ready, machine: machine({ next: 7 }) }, 'reboot now'],
  [
    'in the window and after holds as well',
    {
      record: ready,
      machine: machine({ next: 7 }),
      holds: hold(60),
      settings: { window: 'tue 03:00-04:00' },
    },
    'reboot in 900 min: backup holds it: it runs: the maintenance window is tue 03:00-04:00',
  ],
  [
    'after a failure the next try comes later',
    { record: { ...available, ...failing(2, -4) } },
    'prepare in 6 min: it failed 2 times in a row',
  ],
  ['and then comes', { record: { ...available, ...failing(2, -11) } }, 'prepare now'],
  [
    'a clock that was set back does not make it wait for ever',
    { record: { ...available, ...failing(1, 100_000) } },
    'prepare now',
  ],
  [
    'nor what was looked for by it',
    { record: { ...idle, automatic: { ...memory, checked: minutes(100_000) } } },
    'check now',
  ],
  [
    'a new version may come while one cannot be fetched',
    { record: { ...available, automatic: { ...memory, checked: minutes(-400) } } },
    'check now',
  ],
  [
    'what runs and has not proved good is given a quarter of an hour',
    { record: { ...idle, trial: { ...trial, since: minutes(-5) } }, machine: verdicts(null, 'good') },
    'fall-back in 10 min: generation 7 has not proved good yet',
  ],
  [
    'and no longer',
    { record: { ...idle, trial: { ...trial, since: minutes(-16) } }, machine: verdicts(null, 'good') },
    'fall-back now: generation 7 has not proved good yet',
  ],
  [
    'what a person activated is left to the person',
    {
      record: { ...idle, trial: { ...trial, automatic: false, since: minutes(-60) } },
      machine: verdicts(null, 'good'),
    },
    'check in 300 min',
  ],
  [
    'a bad one is left at once',
    { record: idle, machine: verdicts('bad', 'good') },
    'fall-back now: generation 7 failed',
  ],
  [
    'where there is something to go back to',
    { record: idle, machine: verdicts('bad', 'bad') },
    'check in 300 min',
  ],
  [
    'what was to be booted and was not is left to the boot loader for a quarter of an hour',
    {
      record: { ...ready, trial: { ...trial, bootId: 'boot 0', since: minutes(-5), sinceBoot: 'boot 1' } },
      machine: machine({ next: 7 }),
    },
    'fall-back in 10 min: the machine was rebooted and did not start it',
  ],
  [
    'while the reboot is under way nothing is taken back',
    { record: { ...ready, trial: { ...trial, bootId: 'boot 1' } }, machine: machine({ next: 7 }) },
    'reboot now',
  ],
] as const satisfies readonly (readonly [string, Given, string])[])
  test(`automatic updates: ${title}`, (t) => {
    t.is(plan(given), expected);
  });

test('tries after failures come more and more seldom, and at least once a day', (t) => {
  t.deepEqual(
    [0, 1, 2, 3, 8, 9, 10, 100].map((failures) => retryAfter(failures) / 60_000),
    [0, 5, 10, 20, 640, 1280, 1440, 1440],
  );
});
