// Builds the one executable and seals it: a program compiled by Bun otherwise obeys BUN_BE_BUN, BUN_OPTIONS and
// files of the working directory, and so could be made to run foreign code.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const output = process.argv[2] ?? 'build/mosctl';
const target = process.argv[3];
const temporary = `${output}.unsealed`;

/** Names of variables the runtime obeys, replaced by others of the same length that nobody sets. */
const sealed = { BUN_BE_BUN: 'mos_nobun1', BUN_OPTIONS: 'mos_nobun_2' } as const;

mkdirSync(dirname(output), { recursive: true });
execFileSync(
  'bun',
  [
    'build',
    '--compile',
    '--bytecode',
    '--minify',
    '--no-compile-autoload-dotenv',
    '--no-compile-autoload-bunfig',
    '--external=koffi',
    ...(target === undefined ? [] : [`--target=${target}`]),
    `--outfile=${temporary}`,
    'cmd/mosctl/main.ts',
  ],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);

const bytes = readFileSync(temporary);
for (const [name, replacement] of Object.entries(sealed)) {
  let count = 0;
  for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at + name.length)) {
    bytes.write(replacement, at, 'latin1');
    count++;
  }
  if (count === 0)
    throw new Error(`the runtime does not mention ${name} any more: look at how it is obeyed now`);
  console.log(`sealed ${name} in ${count} places`);
}
writeFileSync(temporary, bytes);
chmodSync(temporary, 0o755);
renameSync(temporary, output);
console.log(`${output}: ${(bytes.length / 1e6).toFixed(1)} MB`);
