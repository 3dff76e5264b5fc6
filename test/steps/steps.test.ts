import test from 'ava';
import { type Progress, runSteps } from '../../pkg/steps/index.ts';

const step = (log: string[], name: string, fails?: 'run' | 'undo') => ({
  name,
  async run() {
    if (fails === 'run') throw new Error(`${name} failed`);
    log.push(name);
  },
  async undo() {
    if (fails === 'undo') throw new Error(`undo of ${name} failed`);
    log.push(`undo ${name}`);
  },
});

test('a failing step undoes the finished ones, newest first', async (t) => {
  const log: string[] = [];
  await t.throwsAsync(runSteps({}, [step(log, 'a'), step(log, 'b'), step(log, 'c', 'run')]), {
    message: 'c failed',
  });
  t.deepEqual(log, ['a', 'b', 'undo b', 'undo a']);
});

test('a failing undo does not hide the first error and is told', async (t) => {
  const log: string[] = [];
  const events: Progress[] = [];
  const steps = [step(log, 'a'), step(log, 'b', 'undo'), step(log, 'c', 'run')];
  await t.throwsAsync(
    runSteps({}, steps, (event) => events.push(event)),
    { message: 'c failed' },
  );
  t.deepEqual(log, ['a', 'b', 'undo a']);
  t.deepEqual(events.at(-1), { kind: 'note', text: 'undo failed: Error: undo of b failed' });
});
