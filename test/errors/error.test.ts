import test from 'ava';
import {
  errorCodes,
  exitCodeOf,
  hintOf,
  httpStatusOf,
  MosError,
  messageOf,
  Secret,
} from '../../pkg/errors/index.ts';

test('a chain of causes becomes one line', (t) => {
  const inner = new MosError('io', 'cannot write /x: disk\nfailed', { hint: 'replace it' });
  const outer = new MosError('state', 'cannot install', { cause: inner });
  t.is(messageOf(outer), 'cannot install: cannot write /x: disk failed');
  t.is(hintOf(outer), 'replace it');
});

test('every code has an exit code of its own and an HTTP status', (t) => {
  const exits = Object.values(errorCodes).map((code) => code.exit);
  t.is(new Set(exits).size, exits.length);
  t.true(exits.every((exit) => exit > 0 && exit < 256));
  t.true(Object.values(errorCodes).every((code) => code.http >= 400 && code.http < 600));
});

test('an error that is not ours counts as a mistake in mos', (t) => {
  t.is(exitCodeOf(new TypeError('x')), 1);
  t.is(httpStatusOf(new TypeError('x')), 500);
});

test('a secret does not show its value', (t) => {
  const secret = new Secret('hunter2');
  t.is(`${secret} ${JSON.stringify({ secret })}`, '[secret] {"secret":"[secret]"}');
  t.is(secret.reveal(), 'hunter2');
});
