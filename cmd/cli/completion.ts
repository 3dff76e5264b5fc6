import { globalFlags } from './arguments.ts';
import { type Command, flagName, type Program } from './command.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** A script for the shell, made of the table of commands: sourced, it completes commands, options and paths. */
export function renderCompletion(shell: Shell, programs: readonly Program[]): string {
  if (shell === 'fish') return programs.map(renderFish).join('\n');
  const bash = programs.map(renderBash).join('\n');
  return shell === 'bash' ? bash : `autoload -U +X bashcompinit && bashcompinit\n${bash}`;
}

const flagsOf = (command: Command): string[] => [
  ...Object.entries(command.options ?? {}).flatMap(([key, option]) => [
    `--${flagName(key)}`,
    ...(option.aliases ?? []).map((alias) => `--${alias}`),
  ]),
  ...Object.keys(globalFlags).map((name) => `--${name}`),
  '--help',
];

const choicesOf = (command: Command): string[] =>
  Object.values(command.arguments ?? {}).flatMap((a) => [...(a.choices ?? [])]);

const visible = (program: Program): readonly Command[] =>
  program.commands.filter((command) => !command.hidden);

/** The words that may come first, and for each group those that may come second. */
function wordsOf(program: Program): { first: string[]; second: Map<string, string[]> } {
  const second = new Map<string, string[]>();
  for (const [group, word] of visible(program).map((c) => c.name.split(' ')))
    if (group !== undefined && word !== undefined) second.set(group, [...(second.get(group) ?? []), word]);
  return { first: [...new Set(visible(program).map((c) => c.name.split(' ')[0] ?? ''))], second };
}

function renderBash(program: Program): string {
  const { first, second } = wordsOf(program);
  const cases = visible(program).map(
    (c) =>
      `    ${JSON.stringify(c.name)}) words=${JSON.stringify([...choicesOf(c), ...flagsOf(c)].join(' '))} ;;`,
  );
  const groups = [...second].map(([group, words]) => {
    const own = visible(program).find(({ name }) => name === group);
    const all = [...words, ...(own === undefined ? [] : flagsOf(own))].join(' ');
    return `    ${JSON.stringify(group)}) words=${JSON.stringify(all)} ;;`;
  });
  return `_${program.name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words="" path="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] || path="\${path:+$path }$word"
  done
  case "$path" in
    "") words=${JSON.stringify(first.join(' '))} ;;
${groups.join('\n')}${groups.length > 0 ? '\n' : ''}  esac
  [[ -n $words ]] || case "$(_${program.name}_command "$path")" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
_${program.name}_command() {
  local path="$1"
  case "$path" in
${visible(program)
  .toSorted((a, b) => b.name.split(' ').length - a.name.split(' ').length)
  .map(
    (c) =>
      `    ${JSON.stringify(c.name)}|${JSON.stringify(`${c.name} `)}*) echo ${JSON.stringify(c.name)} ;;`,
  )
  .join('\n')}
  esac
}
complete -o default -F _${program.name} ${program.name}
`;
}

function renderFish(program: Program): string {
  const quote = (text: string): string => `'${text.replaceAll("'", "\\'")}'`;
  const { first, second } = wordsOf(program);
  const name = program.name;
  const noneYet = `not __fish_seen_subcommand_from ${first.join(' ')}`;
  const lines = first.map((word) => {
    const help = program.groups[word] ?? program.commands.find((c) => c.name === word)?.summary ?? '';
    return `complete -c ${name} -n ${quote(noneYet)} -a ${word} -d ${quote(help)}`;
  });
  for (const [group, words] of second)
    lines.push(
      `complete -c ${name} -n ${quote(`__fish_seen_subcommand_from ${group}`)} -a ${quote(words.join(' '))}`,
    );
  for (const command of visible(program))
    for (const [key, option] of Object.entries(command.options ?? {})) {
      const words = command.name
        .split(' ')
        .map((word) => `__fish_seen_subcommand_from ${word}`)
        .join('; and ');
      const value = option.kind === 'flag' ? '' : ' -r';
      lines.push(
        `complete -c ${name} -n ${quote(words)} -l ${flagName(key)}${value} -d ${quote(option.help)}`,
      );
    }
  return `${lines.join('\n')}\n`;
}
