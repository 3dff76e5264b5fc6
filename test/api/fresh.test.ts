import test from 'ava';
import { fresh } from '../../pkg/api/fresh.ts';

test('an answer is never older than its question, and those who ask together share a look', async (t) => {
  let mark = 0;
  let looks = 0;
  let reads = 0;
  const ask = fresh(
    async () => {
      looks++;
      const seen = mark;
      await new Promise((resolve) => setTimeout(resolve, 5));
      return String(seen);
    },
    async () => {
      reads++;
      return mark;
    },
  );
  const first = Array.from({ length: 50 }, ask);
  mark = 1; // while the first look is under way
  const second = Array.from({ length: 50 }, ask);
  await Promise.all(first);
  t.deepEqual([...new Set(await Promise.all(second))], [1]);
  t.true(looks <= 3);
  t.is(await ask(), 1);
  const before = reads;
  await ask();
  t.is(reads, before);
});

test('a look that fails is the error of those who asked for it only', async (t) => {
  let isBroken = true;
  const ask = fresh(
    async () => {
      if (isBroken) throw new Error('no');
      return 'x';
    },
    async () => 7,
  );
  await t.throwsAsync(ask(), { message: 'no' });
  isBroken = false;
  t.is(await ask(), 7);
});
