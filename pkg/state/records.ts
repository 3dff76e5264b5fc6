import { isMosError, MosError } from '../errors/index.ts';
import { type Host, readTextIfThere, writeAtomic } from '../host/index.ts';
import type { StateLock } from './lock.ts';
import type { State } from './paths.ts';

/** Version of the form of each small file below /config/mos. */
const format = 1;

/** What one of them holds. `missing` and `unreadable` are told apart: the second is never a normal state. */
export type RecordState<T> =
  | { readonly kind: 'there'; readonly value: T }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable'; readonly problem: string };

export type RecordFile<T> = {
  readonly name: string;
  /** undefined where the value is not of this form. */
  parse(value: Readonly<Record<string, unknown>>): T | undefined;
  render(value: T): Readonly<Record<string, unknown>>;
};

/** Reads a small file strictly. Written by a newer mosctl: refused, because ignoring it could lower a floor. */
export async function readRecord<T>(host: Host, state: State, file: RecordFile<T>): Promise<RecordState<T>> {
  const path = `${state.records}/${file.name}`;
  const text = await readDamagedToo(host, path);
  if (text === undefined) return { kind: 'missing' };
  const value = parseObject(text);
  if (typeof value?.format === 'number' && value.format > format)
    throw new MosError(
      'unsupported',
      `cannot read ${path}: its format is ${value.format}, this program knows ${format}`,
      {
        hint: 'use the mosctl that wrote it, or a newer one',
      },
    );
  const { format: found, ...rest } = value ?? {};
  const parsed = found === format ? file.parse(rest) : undefined;
  if (parsed !== undefined && isSame(file.render(parsed), rest)) return { kind: 'there', value: parsed };
  return { kind: 'unreadable', problem: `${path} is damaged` };
}

/** What isn't even text is damaged like any other. */
async function readDamagedToo(host: Host, path: string): Promise<string | undefined> {
  try {
    return await readTextIfThere(host, path);
  } catch (error) {
    if (isMosError(error, 'invalid')) return '';
    throw error;
  }
}

export const writeRecord = <T>(
  host: Host,
  { state }: StateLock,
  file: RecordFile<T>,
  value: T,
): Promise<void> =>
  writeAtomic(
    host,
    `${state.records}/${file.name}`,
    `${JSON.stringify({ format, ...file.render(value) }, null, 2)}\n`,
  );

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Strict in both directions: no field more than the program would write. */
const isSame = (rendered: object, given: object): boolean =>
  Object.keys(rendered).length === Object.keys(given).length &&
  Object.entries(rendered).every(
    ([key, value]) => JSON.stringify(value) === JSON.stringify(Reflect.get(given, key)),
  );

export const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
