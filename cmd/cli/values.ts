import { resolve } from 'node:path';
import { MosError, Secret } from '../../pkg/errors/index.ts';
import { parseReference, type Reference } from '../../pkg/oci/index.ts';
import { type Command, type CommandArgument, type CommandOption, flagName } from './command.ts';

export type Values = Readonly<Record<string, unknown>>;

/** What commander made of the options, to the values their kinds stand for. */
export function optionValues(command: Command, raw: Values, cwd: string): Values {
  const entries = Object.entries(command.options ?? {}).map(([key, option]) => [
    key,
    optionValue(key, option, raw[key], cwd),
  ]);
  return Object.fromEntries(entries);
}

function optionValue(key: string, option: CommandOption, raw: unknown, cwd: string): unknown {
  if (option.kind === 'flag') return raw === true;
  if (option.kind === 'list') return raw ?? [];
  if (raw === undefined) return undefined;
  if (option.kind === 'secret') return new Secret(String(raw));
  return toValue(`--${flagName(key)}`, option.kind, String(raw), cwd);
}

export function positionalValues(command: Command, words: readonly unknown[], cwd: string): Values {
  const entries = Object.entries(command.arguments ?? {}).map(([key, argument], index) => [
    key,
    positionalValue(argument, words[index], cwd),
  ]);
  return Object.fromEntries(entries);
}

function positionalValue(argument: CommandArgument, raw: unknown, cwd: string): unknown {
  const one = (text: string): unknown => {
    if (argument.choices && !argument.choices.includes(text))
      throw new MosError(
        'usage',
        `cannot use ${JSON.stringify(text)} as ${argument.value}: it must be one of ${argument.choices.join(', ')}`,
      );
    return toValue(argument.value, argument.kind, text, cwd);
  };
  if (argument.many) return ((raw as readonly string[] | undefined) ?? []).map(one);
  return raw === undefined ? undefined : one(String(raw));
}

function toValue(name: string, kind: CommandArgument['kind'], text: string, cwd: string): unknown {
  if (text.includes('\0')) throw new MosError('usage', `cannot use the value of ${name}: it contains a NUL`);
  if (kind === 'path') return toPath(name, text, cwd);
  if (kind === 'reference') return toReference(text, cwd);
  if (kind === 'integer') return toInteger(name, text);
  return text;
}

function toPath(name: string, text: string, cwd: string): string {
  if (text === '') throw new MosError('usage', `cannot use the value of ${name}: it is empty`);
  return resolve(cwd, text);
}

function toInteger(name: string, text: string): number {
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  throw new MosError('usage', `cannot use ${JSON.stringify(text)} as ${name}: it must be a whole number`);
}

/** Relative folders in a reference are those of the caller's working directory. */
export function toReference(text: string, cwd: string): Reference {
  const reference = parseReference(text);
  if (reference.kind === 'oci') return { ...reference, folder: resolve(cwd, reference.folder) };
  if (reference.kind === 'zot') return { ...reference, root: resolve(cwd, reference.root) };
  return reference;
}
