import { type Command, flagName, type Program } from './command.ts';

/** What stands for every command, wherever it is put. */
export const globalFlags = {
  debug: 'print the stack of an error and what programs said',
  json: 'print the result as JSON on stdout, an error as JSON on stderr',
  quiet: 'no progress and no notes, only the result and errors',
  version: 'print the version',
} as const;
export type Globals = { readonly [K in keyof typeof globalFlags]: boolean };

/** The command line with global flags taken out and every option in its first spelling. */
export type Normalized = { readonly globals: Globals; readonly rest: readonly string[] };

type Spelling = { readonly flag: string; readonly takesValue: boolean };

/** Every spelling of every option of these commands, without dashes; where two mean different ones, the last. */
export function spellings({ commands }: Pick<Program, 'commands'>): ReadonlyMap<string, Spelling> {
  const found = known.get(commands);
  if (found !== undefined) return found;
  const all = new Map<string, Spelling>([['help', { flag: '--help', takesValue: false }]]);
  for (const command of commands)
    for (const [key, option] of Object.entries(command.options ?? {}))
      for (const name of [flagName(key), ...(option.aliases ?? []), ...(option.short ? [option.short] : [])])
        all.set(name, { flag: `--${flagName(key)}`, takesValue: option.kind !== 'flag' });
  known.set(commands, all);
  return all;
}

/** A command line is looked through several times, and all of a program's options take a millisecond. */
const known = new WeakMap<readonly Command[], ReadonlyMap<string, Spelling>>();

/**
 * Takes the global flags out, wherever they stand; turns other spellings into the first one, Go's single dash
 * (`-capath x`) too. A value is never looked into, nor what follows `--`.
 */
export function normalize(program: Program, argv: readonly string[]): Normalized {
  const all = spellings(program);
  const command = findCommand(program, spelledBy(all, argv).rest);
  // What `-n` means is for the command to say.
  return command === undefined
    ? spelledBy(all, argv)
    : spelledBy(new Map([...all, ...spellings({ commands: [command] })]), argv);
}

function spelledBy(known: ReadonlyMap<string, Spelling>, argv: readonly string[]): Normalized {
  const globals = { debug: false, json: false, quiet: false, version: false };
  const rest: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (word === '--') {
      rest.push(...argv.slice(at));
      break;
    }
    const match = /^--?([a-zA-Z][a-zA-Z0-9-]*)(=.*)?$/s.exec(word);
    const name = match?.[1] ?? '';
    if (name in globals && match?.[2] === undefined) {
      globals[name as keyof Globals] = true;
      continue;
    }
    const spelling = known.get(name);
    rest.push(spelling === undefined ? word : `${spelling.flag}${match?.[2] ?? ''}`);
    if (spelling?.takesValue && match?.[2] === undefined && at + 1 < argv.length) rest.push(argv[++at] ?? '');
  }
  return { globals, rest };
}

/** The command the words name, `update check` before `update`; undefined where help or an error is to be shown. */
export function findCommand(program: Program, rest: readonly string[]): Command | undefined {
  const words = wordsOf(program, rest);
  return program.commands
    .filter(({ name }) => name.split(' ').every((word, index) => words[index] === word))
    .toSorted((a, b) => b.name.length - a.name.length)[0];
}

/** The first words that are neither an option nor an option's value. */
function wordsOf(program: Program, rest: readonly string[]): string[] {
  const takesValue = new Map([...spellings(program).values()].map((s) => [s.flag, s.takesValue]));
  const words: string[] = [];
  for (let at = 0; at < rest.length && words.length < 2; at++) {
    const word = rest[at] ?? '';
    if (word === '--') break;
    if (!word.startsWith('-')) words.push(word);
    else if (takesValue.get(word)) at++;
  }
  return words;
}
