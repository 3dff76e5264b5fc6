import test from 'ava';
import { parseEnd } from '../../pkg/lxc/index.ts';

const end = test.macro((t, log: string, expected: ReturnType<typeof parseEnd>) => {
  t.deepEqual(parseEnd(log), expected);
});
const line = (text: string) =>
  `lxc-start web 20261121080000.000 INFO     error - ../src/lxc/error.c:lxc_error_set_and_log:28 - ${text}\n`;
test('an exit code', end, line('Child <42> ended on error (3)'), { code: 3 });
test('a signal', end, line('Child <42> ended on signal Killed(9)'), { signal: 9 });
test('a signal of more words', end, line('Child <42> ended on signal Real-time signal 3(37)'), {
  signal: 37,
});
test('nothing is said of success', end, line('Initialized'), { code: 0 });
test(
  'the last one counts',
  end,
  line('Child <1> ended on error (3)') + line('Child <2> ended on signal Terminated(15)'),
  {
    signal: 15,
  },
);
