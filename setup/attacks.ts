// `make attacks`: runs the tests that attack, and prints a row for each attack that they made: what it was, and the words
// of what refused it. An attack that no test made, or that nothing refused, ends it with an error.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AttackRow, attacks, attacksFile } from '../test/helpers/attacks.ts';

/** By folder; all but those of atomfs are groups of their own. */
const tests: Readonly<Record<string, readonly string[]>> = {
  atomfs: ['check'],
  system: ['attacks', 'ticket'],
  tpm: ['provision', 'floor', 'ticket'],
  linux: ['boot-files'],
  vm: ['refusals', 'boot-files', 'secure', 'generations'],
  'vm/long': ['live-attacks', 'live-registry'],
};

const folder = mkdtempSync(join(tmpdir(), 'mos-attacks-'));
process.on('exit', () => rmSync(folder, { recursive: true }));
const file = join(folder, 'rows');
writeFileSync(file, '');
for (const [group, names] of Object.entries(tests)) {
  const { TEST_GROUP: _, ...inherited } = process.env;
  const special = group === 'atomfs' ? {} : { TEST_GROUP: group };
  const env = { ...inherited, ...special, [attacksFile]: file };
  const ava = spawn(
    'node_modules/.bin/ava',
    names.map((name) => `test/${group}/${name}.test.ts`),
    { env, stdio: 'inherit' },
  );
  const [code] = await once(ava, 'close');
  if (code !== 0) process.exitCode = 1;
}

const rows = readFileSync(file, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line): AttackRow => JSON.parse(line));
console.log();
for (const attack of attacks) {
  const made = rows.filter((row) => row.attack === attack);
  if (made.length === 0 || made.some(({ said }) => said === null)) process.exitCode = 1;
  console.log(`${attack}${made.length === 0 ? ': no test made it' : ''}`);
  for (const { how, said } of made)
    console.log(
      `    ${said === null ? 'NOT REFUSED' : 'refused'}: ${how}\n        ${said?.replaceAll('\n', '\n        ') ?? ''}`,
    );
}
const withstood = attacks.filter((attack) => rows.some((row) => row.attack === attack && row.said !== null));
console.log(
  `\n${withstood.length} of ${attacks.length} kinds of attack made and refused, in ${rows.length} rows`,
);
