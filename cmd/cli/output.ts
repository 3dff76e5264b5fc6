import { codeOf, exitCodeOf, hintOf, messageOf } from '../../pkg/errors/index.ts';
import type { Globals } from './arguments.ts';
import type { Command } from './command.ts';

/** The one line (and the hint below it) that a person sees of an error. With --debug the stacks follow. */
export function renderError(
  program: string,
  error: unknown,
  globals: Pick<Globals, 'debug' | 'json'>,
): string {
  if (globals.json) return `${JSON.stringify({ error: errorValue(error) })}\n`;
  const hint = hintOf(error);
  const lines = [
    `${program}: ${printable(messageOf(error))}`,
    ...(hint === undefined ? [] : [`  ${printable(hint)}`]),
  ];
  return `${[...lines, ...(globals.debug ? stacksOf(error) : [])].join('\n')}\n`;
}

/** What `--json` prints of an error; scripts compare `code`. */
export const errorValue = (error: unknown) => {
  const hint = hintOf(error);
  return {
    code: codeOf(error),
    message: messageOf(error),
    ...(hint === undefined ? {} : { hint }),
    exit: exitCodeOf(error),
  };
};

/** Names out of images and registries must not steer the terminal. */
export const printable = (text: string): string =>
  text.replaceAll(/\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);

function stacksOf(error: unknown): string[] {
  const stacks: string[] = [];
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++)
    stacks.push(at.stack ?? String(at));
  return stacks;
}

export const renderJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** A result as it goes to stdout. */
export function renderResult(command: Command, value: unknown, json: boolean): string {
  if (json) return renderJson(value ?? null);
  const text = command.render(value);
  return text === '' ? '' : `${text}\n`;
}
