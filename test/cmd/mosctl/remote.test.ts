import test from 'ava';
import { call } from '../../helpers/cli.ts';

const far = ['--host', 'unix:/nowhere'];

test('a name that is none is not sent: it could be another path', async (t) => {
  for (const words of [
    ['activate', '-t', 'data/stop?'],
    ['stop', 'data/stop?'],
    ['logs', 'data/stop?'],
  ])
    t.deepEqual(
      await call(['mosctl', ...words, ...far]),
      {
        exit: 2,
        stdout: '',
        stderr:
          'mosctl: cannot use "data/stop?" as the name of a target: it must be 1 to 63 of a-z 0-9 . _ - and begin with a letter or digit\n',
      },
      words.join(' '),
    );
});

test('who holds updates is asked for by a name alone', async (t) => {
  const { exit, stderr } = await call(['mosctl', 'hold', '--release', '--owner', 'a?b', ...far]);
  t.deepEqual(
    [exit, stderr],
    [2, 'mosctl: cannot ask for "/v1/updates/holds/a?b": no name there is like that\n'],
  );
});
