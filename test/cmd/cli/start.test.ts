import test from 'ava';
import { choose } from '../../../cmd/cli/start.ts';
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
