import { spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import test from 'ava';
import { choose, hearsHangup, stopperOf } from '../../../cmd/cli/start.ts';
import { programs } from '../../../cmd/programs.ts';

for (const name of Object.keys(programs)) {
  test(`the name ${name} is answered as ${name}, by a path too`, (t) => {
    t.is(choose(name, ['x']).program.name, name);
  });
  if (name !== 'mosctl')
    test(`"mosctl ${name} …" is ${name}`, (t) => {
      const { program, rest } = choose('mosctl', ['--json', name, 'x', name]);
      t.deepEqual([program.name, rest], [name, ['--json', 'x', name]]);
    });
}

test('an unknown name is mosctl', (t) => {
  t.is(choose('node', ['x']).program.name, 'mosctl');
});

test('two signals at once, as timeout(1) sends them, end as tidily as one; a later one ends at once', (t) => {
  let now = 1000;
  let left = 0;
  const stopper = stopperOf({ monotonic: () => now }, () => {
    left++;
  });
  t.false(stopper.signal.aborted);
  stopper.hear('SIGINT');
  stopper.hear('SIGTERM');
  t.deepEqual([stopper.signal.reason.message, left], ['cannot finish: stopped by SIGINT', 0]);
  now += 2000;
  stopper.hear('SIGINT');
  t.is(left, 1);
});

test('a full disk below stderr loses what is said there, not the exit code', (t) => {
  const { status } = spawnSync(process.execPath, ['cmd/mosctl/main.ts', 'status', '--root', '/nowhere'], {
    stdio: ['ignore', 'ignore', openSync('/dev/full', 'w')],
  });
  t.is(status, 9);
});

test('the end of the terminal is heard unless the caller ignores it', (t) => {
  const status = (mask: string) => `Name:\tmosctl\nSigIgn:\t${mask}\nSigCgt:\t0000000000000001\n`;
  t.true(hearsHangup(status('0000000001001000')));
  t.false(hearsHangup(status('0000000001001001')));
  t.false(hearsHangup(undefined));
});
