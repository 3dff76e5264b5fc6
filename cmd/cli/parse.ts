import { Command as Commander, CommanderError, Option } from 'commander';
import { MosError } from '../../pkg/errors/index.ts';
import { findCommand, globalFlags } from './arguments.ts';
import { type Command, type CommandArgument, type CommandOption, flagName, type Program } from './command.ts';
import { optionValues, positionalValues, type Values } from './values.ts';

/** What the command line asks for: a command with its values, or a text (help). */
export type Parsed =
  | { readonly kind: 'run'; readonly command: Command; readonly args: Values; readonly options: Values }
  | { readonly kind: 'help'; readonly text: string; readonly wanted: boolean };

/** A normalized command line to what it asks for. Mistakes are `usage` errors. */
export function parseCommandLine(program: Program, rest: readonly string[], cwd: string): Parsed {
  const chosen = findCommand(program, rest);
  let parsed: Parsed | undefined;
  const said: string[] = [];
  // Only the chosen command is built: the list of all costs more than the rest of a short command.
  const commander = build(
    program,
    chosen === undefined ? program.commands : [chosen, ...belowOf(program, chosen)],
    (command, words, options) => {
      parsed = {
        kind: 'run',
        command,
        args: positionalValues(command, words, cwd),
        options: optionValues(command, options, cwd),
      };
    },
  );
  const hear = (text: string): void => void said.push(text);
  commander.configureOutput({ writeOut: hear, writeErr: hear });
  for (const group of commander.commands) inherit(commander, group);
  try {
    commander.parse([...rest], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return { kind: 'help', text: said.join(''), wanted: true };
    // `mosctl help` asks for what `mosctl` alone is told.
    const wanted = rest.some((word) => word === 'help');
    if (error.code === 'commander.help') requireKnownTopic(program, rest);
    if (error.code === 'commander.help') return { kind: 'help', text: said.join(''), wanted };
    throw usage(program, error, chosen);
  }
  return parsed ?? { kind: 'help', text: commander.helpInformation(), wanted: false };
}

/** `mosctl help NAME`: commander answers with its general help where there is no such command. */
function requireKnownTopic(program: Program, rest: readonly string[]): void {
  const at = rest.indexOf('help');
  const topic = at < 0 ? [] : rest.slice(at + 1).filter((word) => !word.startsWith('-'));
  const path = [...rest.slice(0, at).filter((word) => !word.startsWith('-')), ...topic];
  const isKnown = program.commands.some(({ name }) => `${name} `.startsWith(`${path.join(' ')} `));
  if (topic.length > 0 && !isKnown)
    throw new MosError('usage', `cannot help with "${topic.join(' ')}": there is no such command`, {
      hint: `see ${program.name} --help`,
    });
}

/** `update check` below `update`: its help lists them. */
const belowOf = ({ commands }: Program, { name }: Command): readonly Command[] =>
  commands.filter((command) => command.name.startsWith(`${name} `));

/** The help of one command, for docs/cli.md. */
export function helpOf(program: Program, command: Command): string {
  let at = build(program, [command], () => {});
  for (const word of command.name.split(' ')) at = at.commands.find((c) => c.name() === word) ?? at;
  return at.helpInformation();
}

type Action = (
  command: Command,
  words: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
) => void;

function build(program: Program, commands: readonly Command[], action: Action): Commander {
  const top = new Commander(program.name).description(program.summary).exitOverride();
  top.configureHelp({ helpWidth: 100, optionTerm, showGlobalOptions: true });
  for (const [name, help] of Object.entries(globalFlags)) top.option(`--${name}`, help);
  top.helpOption('-h, --help', 'print this help');
  for (const command of commands) declare(program, top, command, action);
  return top;
}

function declare(program: Program, top: Commander, command: Command, action: Action): void {
  const words = command.name.split(' ');
  const verb = words.pop() ?? '';
  let parent = top;
  for (const word of words)
    parent =
      parent.commands.find((c) => c.name() === word) ??
      parent.command(word).description(program.groups[word] ?? '');
  const made = parent.command(verb, { hidden: command.hidden ?? false }).summary(command.summary);
  made.description([command.summary, ...(command.description ? [command.description] : [])].join('\n\n'));
  for (const argument of Object.values(command.arguments ?? {}))
    made.argument(argumentTerm(argument), argument.help);
  for (const [key, option] of Object.entries(command.options ?? {})) made.addOption(toOption(key, option));
  if (command.examples)
    made.addHelpText('after', `\nExamples:\n${command.examples.map((e) => `  ${e}`).join('\n')}`);
  made.action((...all: unknown[]) => {
    const count = Object.keys(command.arguments ?? {}).length;
    action(command, all.slice(0, count), all[count] as Record<string, unknown>);
  });
}

const argumentTerm = ({ value, optional, many }: CommandArgument): string =>
  `${optional ? '[' : '<'}${value}${many ? '...' : ''}${optional ? ']' : '>'}`;

/** The other spellings travel in a property of their own: commander knows one long name per option. */
type WithNames = Option & { mosNames?: string };

function toOption(key: string, option: CommandOption): Option {
  const name = flagName(key);
  const value = option.kind === 'flag' ? '' : ` <${option.value}>`;
  const made: WithNames = new Option(`--${name}${value}`, option.help);
  made.mosNames = [
    ...(option.short ? [`-${option.short}`] : []),
    `--${name}`,
    ...(option.aliases ?? []).map((alias) => `--${alias}`),
  ].join(', ');
  if (option.kind === 'list') made.argParser((one: string, all: readonly string[] = []) => [...all, one]);
  if ('choices' in option && option.choices) made.choices(option.choices);
  if ('required' in option && option.required) made.makeOptionMandatory();
  if ('default' in option && option.default !== undefined) made.default(option.default);
  return made;
}

const optionTerm = (option: Option): string => {
  const names = (option as WithNames).mosNames;
  return names === undefined ? option.flags : `${names}${option.flags.replace(/^\S+/, '')}`;
};

function inherit(from: Commander, to: Commander): void {
  to.copyInheritedSettings(from);
  for (const next of to.commands) inherit(to, next);
}

const usage = (program: Program, error: CommanderError, chosen: Command | undefined): MosError => {
  const what = chosen === undefined ? program.name : `${program.name} ${chosen.name}`;
  const reason = error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');
  return new MosError('usage', `cannot understand the command line: ${reason}`, {
    hint: `see ${what} --help`,
  });
};
