import test from 'ava';
import { seeds, turnOf, type Wave } from '../../../pkg/system/upgrade/placement.ts';

const hour = 3_600_000;
/** 1 %, 10 %, 50 %, all: in 6, 24, 48 and 72 hours, the first beginning at 0. */
const waves: readonly Wave[] = [
  { from: 0, to: seeds * 0.01, start: 0, end: 6 * hour },
  { from: seeds * 0.01, to: seeds * 0.1, start: 6 * hour, end: 30 * hour },
  { from: seeds * 0.1, to: seeds * 0.5, start: 30 * hour, end: 78 * hour },
  { from: seeds * 0.5, to: seeds, start: 78 * hour, end: 150 * hour },
];

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
    const at = Math.floor(turn / hour);
    perHour.set(at, (perHour.get(at) ?? 0) + 1);
  }
  for (const { start, end } of waves) {
    const hours = Array.from(
      { length: (end - start) / hour },
      (_, at) => perHour.get(start / hour + at) ?? 0,
    );
    const all = hours.reduce((sum, count) => sum + count, 0);
    t.true(all >= 1000);
    t.true(Math.max(...hours) <= (1.2 * all) / hours.length, `${Math.max(...hours)} of ${all}`);
    t.true(Math.min(...hours) > 0);
  }
});

test('the turn of a machine is its place in its wave', (t) => {
  const wave = { from: 100, to: 200, start: 1000, end: 2000 };
  t.is(turnOf([wave], 100), 1000);
  t.is(turnOf([wave], 150), 1500);
  t.is(turnOf([wave], 199), 1990);
  t.is(turnOf([wave], 200), undefined);
  t.is(turnOf([], 0), undefined);
  t.is(turnOf([{ from: 0, to: seeds, start: 5, end: 5 }], seeds - 1), 5); // all at once
});
