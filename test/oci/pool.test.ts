import { setImmediate as tick } from 'node:timers/promises';
import test from 'ava';
import { runPool } from '../../pkg/oci/index.ts';

test('every item is worked on, in order of their start', async (t) => {
  const started: number[] = [];
  await runPool([1, 2, 3, 4, 5], 2, async (n) => {
    started.push(n);
    await tick();
  });
  t.deepEqual(started, [1, 2, 3, 4, 5]);
});

test('after a failure nothing new begins', async (t) => {
  const started: number[] = [];
  const failing = runPool([1, 2, 3, 4], 2, async (n) => {
    started.push(n);
    await tick();
    if (n === 1) throw new Error('one');
  });
  await t.throwsAsync(failing, { message: 'one' });
  t.deepEqual(started, [1, 2]);
});

test('a signal that is given already stops before the first', async (t) => {
  await t.throwsAsync(
    runPool([1], 1, async () => t.fail(), AbortSignal.abort(new Error('stopped'))),
    { message: 'stopped' },
  );
});
