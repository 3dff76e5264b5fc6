// Builds the one executable and seals it: a program compiled by Bun otherwise obeys BUN_BE_BUN, BUN_OPTIONS and
// files of the working directory, and so could be made to run foreign code.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const output = process.argv[2] ?? 'build/mosctl';
const target = process.argv[3];
const temporary = `${output}.unsealed`;

/**
 * Variables the runtime obeys and that could run code, write files, open a debugger, switch TLS checks off or print
 * secrets. Each name (or beginning of names) gets its first letters overwritten, so that nobody's environment has it.
 */
const sealed = [
  'BUN_BE_BUN',
  'BUN_OPTIONS',
  'BUN_INSPECT',
  'BUN_BYTECODE_',
  'BUN_TCC_OPTIONS',
  'BUN_RUNTIME_TRANSPILER_CACHE_PATH',
  'BUN_CONFIG_VERBOSE_FETCH',
  'BUN_CRASH_REPORT_URL',
  'NODE_TLS_REJECT_UNAUTHORIZED',
  'NODE_CHANNEL_FD',
  'NODE_COMPILE_CACHE',
  'JSC_PROFILER_PATH',
] as const;

/**
 * `BUN_JSC_<option>` sets options of the JavaScript engine, one of which replaces functions by those of a file. The
 * name is compared letter by letter in machine code (x86-64: `cmp byte [reg+n], letter; jne`), so the first letter
 * there becomes one that no environment can have (0x3d, '=').
 */
function sealEngineOptions(program: Buffer): void {
  if (target?.includes('arm64'))
    throw new Error('the engine options of the arm64 runtime cannot be sealed yet');
  const first = /A?\x80[\x38-\x3f]B\x75[^]A?\x80[\x78-\x7f]\x01U/g;
  const rest = /^\x75[^]A?\x80[\x78-\x7f]\x02N\x75[^]A?\x80[\x78-\x7f]\x03_\x75[^]A?\x80[\x78-\x7f]\x04J/;
  const text = program.toString('latin1');
  const places = [...text.matchAll(first)].filter((m) =>
    rest.test(text.slice(m.index + m[0].length, m.index + m[0].length + 40)),
  );
  if (places.length === 0) throw new Error('the runtime compares BUN_JSC_ in another way now: look how');
  for (const place of places) program.write('=', place.index + place[0].indexOf('B'), 'latin1');
}

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
for (const name of sealed) {
  const replacement = `mos_${'_'.repeat(name.length - 4)}`;
  let count = 0;
  for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at + name.length), count++)
    bytes.write(replacement, at, 'latin1');
  if (count === 0)
    throw new Error(`the runtime does not mention ${name} any more: look at how it is obeyed now`);
}
sealEngineOptions(bytes);
writeFileSync(temporary, bytes);
chmodSync(temporary, 0o755);
renameSync(temporary, output);
console.log(`${output}: ${(bytes.length / 1e6).toFixed(1)} MB`);
