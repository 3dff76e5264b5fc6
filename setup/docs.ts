// Writes the pages of docs/ that are made of the code. test/cmd/cli/reference.test.ts and test/api/openapi.test.ts compare.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { renderErrors, renderReference } from '../cmd/cli/reference.ts';
import { version } from '../cmd/mosctl/version.ts';
import { programs } from '../cmd/programs.ts';
import { openApiDocument, renderRoles } from '../pkg/api/index.ts';

mkdirSync('docs', { recursive: true });
writeFileSync('docs/cli.md', renderReference(Object.values(programs)));
writeFileSync('docs/errors.md', renderErrors());
writeFileSync(
  'docs/openapi.yaml',
  stringify(await openApiDocument(version), { lineWidth: 0, aliasDuplicateObjects: false }),
);
const readme = 'pkg/api/README.md';
const marks = /(<!-- roles -->\n)[\s\S]*(<!-- \/roles -->)/;
writeFileSync(readme, readFileSync(readme, 'utf8').replace(marks, `$1${await renderRoles()}\n$2`));
