import { readFileSync } from 'node:fs';
import test from 'ava';
import { renderErrors, renderReference } from '../../../cmd/cli/reference.ts';
import { programs } from '../../../cmd/programs.ts';

test('docs/cli.md is what the commands say (make docs)', (t) => {
  t.is(readFileSync('docs/cli.md', 'utf8'), renderReference(Object.values(programs)));
});

test('docs/errors.md is what the table of errors says (make docs)', (t) => {
  t.is(readFileSync('docs/errors.md', 'utf8'), renderErrors());
});
