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

for (const [words, option] of [
  [['activate', '-t', 'data', '--integrity', 'digest'], 'integrity'],
  [['status', '-r', '/x'], 'root'],
  [['verify', '--capath', '/x'], 'ca'],
  [['update', 'reg.example/m:1', '--retry'], 'retry'],
  [['update', 'reg.example/m:1', '--registry-ca', '/x'], 'registry-ca'],
  [['update', 'reg.example/m:1', '--product', 'x'], 'product'],
] as const)
  test(`--${option} is not dropped in silence with --host`, async (t) => {
    t.deepEqual(await call(['mosctl', ...words, ...far]), {
      exit: 2,
      stdout: '',
      stderr: `mosctl: cannot use --${option} for a machine elsewhere: it counts here alone\n`,
    });
  });

test('what was not given is not refused, and half a machine elsewhere is not this one', async (t) => {
  t.is((await call(['mosctl', 'activate', '-t', 'data', ...far])).exit, 14);
  t.deepEqual(await call(['mosctl', 'ps', '--server-ca', '/x']), {
    exit: 2,
    stdout: '',
    stderr: 'mosctl: cannot use --server-ca without --host or --context\n',
  });
});
