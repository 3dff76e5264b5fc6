import test from 'ava';
import { wavesOf } from '../../../pkg/manifest/index.ts';
import { turnOf } from '../../../pkg/system/upgrade/placement.ts';

const hour = 3_600_000;
const begin = Date.parse('2027-01-01T00:00:00Z');
const time = (hours: number): string => new Date(begin + hours * hour).toISOString().replace('.000Z', 'Z');
const waves = wavesOf([
  { percent: 1, start: time(0), end: time(6) },
  { percent: 9, start: time(6), end: time(30) },
  { percent: 40, start: time(30), end: time(78) },
  { percent: 50, start: time(78), end: time(150) },
]);

/** xorshift32: the same machines in each run, their seeds as evenly spread as random ones. */
function* machines(count: number): Generator<number> {
  let seed = 2463534242;
  for (let n = 0; n < count; n++) {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    yield seed >>> 0;
  }
}

test('a million machines come evenly: no hour of a wave has over 1.2 times its share', (t) => {
  const perHour = new Map<number, number>();
  for (const seed of machines(1_000_000)) {
    const turn = turnOf(waves, seed);
    if (turn === undefined) throw new Error(`${seed} is in no wave`);
    const at = Math.floor((turn - begin) / hour);
    perHour.set(at, (perHour.get(at) ?? 0) + 1);
  }
  for (const [from, to] of [
    [0, 6],
    [6, 30],
    [30, 78],
    [78, 150],
  ] as const) {
    const hours = Array.from({ length: to - from }, (_, at) => perHour.get(from + at) ?? 0);
    const all = hours.reduce((sum, count) => sum + count, 0);
    t.true(all >= 1000);
    t.true(Math.max(...hours) <= (1.2 * all) / hours.length, `${Math.max(...hours)} of ${all}`);
    t.true(Math.min(...hours) > 0);
  }
});

test('the turn of a machine is its place in its wave', (t) => {
  const wave = { start_seed: 0, end_seed: 200, start: time(0), end: time(2) };
  const turn = (seed: number) => new Date(turnOf([wave], seed) ?? 0).toISOString();
  t.is(turn(0), '2027-01-01T00:00:00.000Z');
  t.is(turn(150), '2027-01-01T01:30:00.000Z');
  t.is(turn(199), '2027-01-01T01:59:24.000Z');
  t.is(turnOf([wave], 200), Number.POSITIVE_INFINITY); // no wave has it yet
  t.is(turnOf([], 5), undefined); // all at once
});
