import test from 'ava';
import { Patience } from '../../pkg/system/service/patience.ts';

test('failures of a start count when its period is over', (t) => {
  const patience = new Patience({ exec: ['ask'], retries: 2, start_period: 10 }, 'first', 1000);
  t.deepEqual(
    [2000, 5000, 10_999].map((now) => patience.unwell(now)),
    [false, false, false],
  );
  t.deepEqual(
    [11_000, 12_000].map((now) => patience.unwell(now)),
    [false, true],
  );
});

test('who was well once has no more start, until it is started again', (t) => {
  const patience = new Patience({ exec: ['ask'], retries: 2, start_period: 10 }, 'first', 1000);
  patience.well();
  t.deepEqual(
    [2000, 3000].map((now) => patience.unwell(now)),
    [false, true],
  );
  patience.started('second', 4000);
  t.deepEqual(
    [5000, 6000, 7000].map((now) => patience.unwell(now)),
    [false, false, false],
  );
  patience.started('second', 13_000);
  t.deepEqual(
    [14_000, 15_000].map((now) => patience.unwell(now)),
    [false, true],
  );
});

test('one answer that is well forgets the failures before', (t) => {
  const patience = new Patience({ exec: ['ask'], retries: 2, start_period: 0 }, 'first', 0);
  t.false(patience.unwell(1));
  patience.well();
  t.deepEqual(
    [2, 3].map((now) => patience.unwell(now)),
    [false, true],
  );
});
