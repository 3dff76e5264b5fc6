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
  let places = 0;
  for (let at = program.indexOf(0x80); at >= 0; at = program.indexOf(0x80, at + 1)) {
    let next: number | undefined = at;
    for (const [offset, letter] of [...'BUN_JSC_'].entries())
      next &&= afterCompare(program, next, offset, letter);
    if (next === undefined) continue;
    program.write('=', at + 2, 'latin1');
    places++;
  }
  if (places === 0) throw new Error('the runtime compares BUN_JSC_ in another way now: look how');
}

/** Where `cmp byte [reg+offset], letter; jne` at `at` ends, or undefined if that is not what stands there. */
function afterCompare(program: Buffer, at: number, offset: number, letter: string): number | undefined {
  const start = program[at] === 0x41 ? at + 1 : at; // REX.B
  const operand = program[start + 1] ?? 0;
  const isPlain = offset === 0 && operand >= 0x38 && operand <= 0x3f;
  const hasOffset = operand >= 0x78 && operand <= 0x7f && program[start + 2] === offset;
  if (program[start] !== 0x80 || !(isPlain || hasOffset)) return undefined;
  const value = start + (isPlain ? 2 : 3);
  return program[value] === letter.charCodeAt(0) && program[value + 1] === 0x75 ? value + 3 : undefined;
}

/** What the runtime says by itself before any code of ours runs, and what we say instead: no longer. */
const ownWords = [
  [
    "The current working directory was deleted, so that command didn't work. Please cd into a different directory and try again.",
    'cannot start: the working directory was removed; change to one that is there, for example by cd /, and try again',
  ],
] as const;

/** Puts text of the same length in place of each occurrence. */
function replaceAll(program: Buffer, text: string, replacement: string): void {
  let count = 0;
  for (let at = program.indexOf(text); at >= 0; at = program.indexOf(text, at + text.length), count++)
    program.write(replacement.padEnd(text.length), at, 'latin1');
  if (count === 0) throw new Error(`the runtime does not mention ${text} any more: look at what it does now`);
}

/** The time of what is built, not of the building: SOURCE_DATE_EPOCH, else the last commit. */
function builtAt(): string {
  const commit = () => execFileSync('git', ['log', '-1', '--format=%ct'], { encoding: 'utf8' }).trim();
  const seconds = Number(process.env['SOURCE_DATE_EPOCH'] ?? commit());
  return new Date(seconds * 1000).toISOString();
}

mkdirSync(dirname(output), { recursive: true });
execFileSync(
  'bun',
  [
    'build',
    '--compile',
    '--bytecode',
    '--minify',
    // One file per late import: --version and status read a part of the program only.
    '--format=esm',
    '--splitting',
    '--no-compile-autoload-dotenv',
    '--no-compile-autoload-bunfig',
    '--external=koffi',
    `--define=MOS_BUILT_AT=${JSON.stringify(builtAt())}`,
    ...(target === undefined ? [] : [`--target=${target}`]),
    `--outfile=${temporary}`,
    // Names inside of the executable are relative to this folder.
    '--root=.',
    'cmd/mosctl/main.ts',
    'cmd/threads/inspect-layers.ts',
  ],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);

const bytes = readFileSync(temporary);
for (const name of sealed) replaceAll(bytes, name, 'mos_'.padEnd(name.length, '_'));
for (const [theirs, ours] of ownWords) replaceAll(bytes, theirs, ours);
sealEngineOptions(bytes);
writeFileSync(temporary, bytes);
chmodSync(temporary, 0o755);
renameSync(temporary, output);
console.log(`${output}: ${(bytes.length / 1e6).toFixed(1)} MB`);
