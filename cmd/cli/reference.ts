import { errorCodes } from '../../pkg/errors/index.ts';
import { globalFlags } from './arguments.ts';
import type { Command, Program } from './command.ts';
import { helpOf } from './parse.ts';

/** docs/cli.md: every command of every program as its help prints it. */
export function renderReference(programs: readonly Program[]): string {
  const globals = Object.entries(globalFlags).map(([name, help]) => `- \`--${name}\`: ${help}`);
  return [
    '# Commands',
    '',
    'Made by `make docs` from the commands themselves; a test compares. One executable answers to these names:',
    ...programs.map((program) => `- [\`${program.name}\`](#${program.name}): ${program.summary}`),
    '',
    '`mosctl mosb …` is the same as `mosb …`. Before or after the name of any command:',
    ...globals,
    '- `-h`, `--help`: print the help of a program or command',
    '',
    'Long options may have one dash (`-capath x`). The result goes to stdout, everything else to stderr. An error is one',
    'line with a hint below it; its exit code says its kind, see [errors.md](errors.md).',
    ...programs.flatMap((program) => [
      '',
      `## ${program.name}`,
      ...program.commands.flatMap(sectionOf(program)),
    ]),
    '',
  ].join('\n');
}

const sectionOf =
  (program: Program) =>
  (command: Command): string[] => [
    '',
    `### ${program.name} ${command.name}`,
    '```',
    withoutGlobals(helpOf(program, command)),
    '```',
  ];

/** They are said once at the top. */
const withoutGlobals = (help: string): string =>
  help
    .replace(/\nGlobal Options:\n(?: {2}.*\n)*/, '')
    .replace(/\n {2}-h, --help .*(?=\n)/, '')
    .replace(/\nOptions:\n(?! {2})/, '\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim();

/** docs/errors.md */
export function renderErrors(): string {
  const rows = Object.entries(errorCodes).map(
    ([code, { exit, http, meaning }]) => `| \`${code}\` | ${exit} | ${http} | ${meaning} |`,
  );
  return [
    '# Errors',
    '',
    'Made by `make docs` from `pkg/errors`; a test compares. Each error has one of these codes. Scripts compare the exit',
    'code, or `error.code` of what `--json` prints on stderr: `{"error":{"code","message","hint"?,"exit"}}`.',
    '',
    '| code | exit code | HTTP status | means |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
