import test from 'ava';
import { findCommand, normalize } from '../../../cmd/cli/arguments.ts';
import { command, type Program } from '../../../cmd/cli/command.ts';
import { root } from '../../../cmd/cli/common.ts';
import { programs } from '../../../cmd/programs.ts';

const nothing = { run: async () => {}, render: () => '' };
const example: Program = {
  name: 'mosctl',
  summary: 'An example.',
  groups: { keyset: 'keysets' },
  commands: [
    command({
      name: 'activate',
      summary: 'Start a target',
      options: {
        root,
        ca: { kind: 'path', value: 'FILE', aliases: ['capath'], help: 'anchor' },
        readonly: { kind: 'flag', aliases: ['ro'], help: 'no writes' },
      },
      ...nothing,
    }),
    command({ name: 'keyset add', summary: 'Make a keyset', ...nothing }),
    command({ name: 'keyset list', summary: 'List keysets', ...nothing }),
  ],
};
const off = { debug: false, json: false, quiet: false, version: false };

const turned = test.macro({
  exec(t, argv: string, rest: string, globals: object = {}) {
    t.deepEqual(normalize(example, argv.split(' ')), {
      globals: { ...off, ...globals },
      rest: rest.split(' ').filter((word) => word !== ''),
    });
  },
  title: (_, argv, rest) => `"${argv}" is read as "${rest}"`,
});

test(turned, 'activate -capath x', 'activate --ca x');
test(turned, 'activate --capath=x', 'activate --ca=x');
test(turned, 'activate -rfs /m -ro', 'activate --root /m --readonly');
test(turned, 'activate -r /m', 'activate --root /m');
test(turned, 'activate -r --json', 'activate --root --json');
test(turned, '--json activate --debug x', 'activate x', { json: true, debug: true });
test(turned, 'activate -quiet', 'activate', { quiet: true });
test(turned, 'activate -- --json -ro', 'activate -- --json -ro');
test(turned, 'activate --unknown x', 'activate --unknown x');
test(turned, '--version', '', { version: true });

const named = test.macro({
  exec(t, argv: string, name: string | undefined) {
    t.is(findCommand(example, argv.split(' '))?.name, name);
  },
  title: (_, argv, name) => `"${argv}" names ${name ?? 'no command'}`,
});

test(named, 'activate web', 'activate');
test(named, '--root /m activate', 'activate');
test(named, 'keyset add', 'keyset add');
test(named, 'keyset list add', 'keyset list');
test(named, 'keyset', undefined);
test(named, 'keyset --root add', undefined);
test(named, '-- activate', undefined);

test('within a program an option name always takes a value or never', (t) => {
  const wrong: string[] = [];
  for (const program of Object.values(programs)) {
    const seen = new Map<string, boolean>();
    for (const { name, options } of program.commands)
      for (const [key, option] of Object.entries(options ?? {}))
        for (const spelling of [key, ...(option.aliases ?? []), ...(option.short ? [option.short] : [])]) {
          const takesValue = option.kind !== 'flag';
          if ((seen.get(spelling) ?? takesValue) !== takesValue)
            wrong.push(`${program.name} ${name}: ${spelling}`);
          seen.set(spelling, takesValue);
        }
  }
  t.deepEqual(wrong, []);
});

test('a short option means what its own command says', (t) => {
  const { mosctl = example } = programs;
  t.deepEqual(normalize(mosctl, ['logs', '-n', '3', 'web']).rest, ['logs', '--lines', '3', 'web']);
  t.deepEqual(normalize(mosctl, ['-n', '3', 'log']).rest, ['--most', '3', 'log']);
});
