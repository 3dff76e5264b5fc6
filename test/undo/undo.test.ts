import test from 'ava';
import { Undo } from '../../pkg/undo/index.ts';

test('hooks run newest first, each one, and their failures are gathered', async (t) => {
  const ran: string[] = [];
  const error = await t.throwsAsync(
    async () => {
      await using undo = new Undo();
      undo.add(() => ran.push('first'));
      undo.add(() => Promise.reject(new Error('second')));
      undo.add(() => Promise.reject(new Error('third')));
    },
    { instanceOf: AggregateError },
  );
  t.deepEqual(ran, ['first']);
  t.deepEqual(
    error?.errors.map((e: Error) => e.message),
    ['third', 'second'],
  );
});

test('what is kept is not undone', async (t) => {
  const ran: string[] = [];
  {
    await using undo = new Undo();
    undo.add(() => ran.push('undone'));
    undo.keep();
  }
  t.deepEqual(ran, []);
});
