import { execFileSync } from 'node:child_process';
import test from 'ava';
import { renderCompletion, shells } from '../../../cmd/cli/completion.ts';
import { programs } from '../../../cmd/programs.ts';

const script = renderCompletion('bash', Object.values(programs));

/** What bash offers for the last word. */
const offered = (...words: string[]): string[] =>
  execFileSync(
    'bash',
    [
      '-c',
      `${script}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mosctl; printf '%s\\n' "\${COMPREPLY[@]}"`,
      'bash',
      ...words,
    ],
    { encoding: 'utf8' },
  )
    .trim()
    .split('\n');

test('bash completes the names of commands', (t) => {
  t.deepEqual(offered('mosctl', 'comp'), ['completion']);
});

test('bash completes the choices of an argument and options', (t) => {
  t.deepEqual(offered('mosctl', 'completion', 'z'), ['zsh']);
  t.deepEqual(offered('mosctl', 'completion', '--js'), ['--json']);
});

test('every shell gets a script that names every program', (t) => {
  for (const shell of shells)
    for (const name of Object.keys(programs))
      t.true(renderCompletion(shell, Object.values(programs)).includes(name));
});
