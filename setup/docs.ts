// Writes the pages of docs/ that are made of the code. test/cmd/cli/reference.test.ts compares.
import { mkdirSync, writeFileSync } from 'node:fs';
import { renderErrors, renderReference } from '../cmd/cli/reference.ts';
import { programs } from '../cmd/programs.ts';

mkdirSync('docs', { recursive: true });
writeFileSync('docs/cli.md', renderReference(Object.values(programs)));
writeFileSync('docs/errors.md', renderErrors());
