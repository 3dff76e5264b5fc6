import test from 'ava';
import { Rounds } from '../../../pkg/lxc/network/rounds.ts';

test('what is asked for during a round is done in the next one, all of it at once', async (t) => {
  const done: (readonly number[])[] = [];
  const rounds = new Rounds<number, number>(async (numbers) => {
    done.push(numbers);
    await new Promise((resolve) => setImmediate(resolve));
    return numbers.map((value) => ({ value: 2 * value }));
  });
  t.deepEqual(await Promise.all([1, 2, 3].map((one) => rounds.ask(one))), [2, 4, 6]);
  t.is(await rounds.ask(4), 8);
  t.deepEqual(done, [[1], [2, 3], [4]]);
});

test('each gets its own answer, and all the same where the round fails; the next one is tried', async (t) => {
  const rounds = new Rounds<string, string>(async (words) => {
    if (words.includes('all')) throw new Error('no round');
    return words.map((value) => (value === 'bad' ? { error: new Error('no word') } : { value }));
  });
  const ask = (...words: string[]) => Promise.allSettled(words.map((word) => rounds.ask(word)));
  const said = (answers: PromiseSettledResult<string>[]) =>
    answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : answer.reason.message));
  t.deepEqual(said(await ask('a', 'b', 'bad', 'c')), ['a', 'b', 'no word', 'c']);
  t.deepEqual(said(await ask('a', 'b', 'all')), ['a', 'no round', 'no round']);
  t.deepEqual(said(await ask('d')), ['d']);
});
