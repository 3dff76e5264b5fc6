import { MosError } from '../errors/index.ts';

/** Where a value stands in its document: keys and list indices from the top. */
export type Path = readonly (string | number)[];
export type Problem = { readonly path: Path; readonly text: string };

/** What a reading gathers on its way. */
export type Findings = { readonly problems: Problem[]; readonly unknown: Path[] };

/**
 * Reads one value (undefined where its key is missing) to a `T`. A problem goes to the findings; what is returned
 * then is not used, because `readDocument` throws. Our own few lines in place of zod: the install manifest is read at
 * each boot under the eyes of a person, and loading zod costs more than all the rest of it (README).
 */
export type Reader<T> = (value: unknown, path: Path, findings: Findings) => T;

type Output<R> = R extends Reader<infer T> ? T : never;
type Shape = Readonly<Record<string, Reader<unknown>>>;
type OptionalKeys<S extends Shape> = { [K in keyof S]: undefined extends Output<S[K]> ? K : never }[keyof S];
export type RecordOf<S extends Shape> = {
  readonly [K in Exclude<keyof S, OptionalKeys<S>>]: Output<S[K]>;
} & { readonly [K in OptionalKeys<S>]?: Exclude<Output<S[K]>, undefined> };

export function refuse(findings: Findings, path: Path, text: string): never {
  findings.problems.push({ path, text });
  return undefined as never;
}

const isMissing = (value: unknown): value is undefined | null => value === undefined || value === null;

/** A string that `accepts`; `rule` completes "it …". */
export const text =
  <T extends string = string>(accepts: (text: string) => boolean, rule: string): Reader<T> =>
  (value, path, findings) => {
    if (isMissing(value)) return refuse(findings, path, 'is missing');
    return typeof value === 'string' && accepts(value) ? (value as T) : refuse(findings, path, rule);
  };

/** RFC 3339 in UTC, whole seconds. Only what comes back the same exists: runtimes disagree about the 30th of February. */
const isTime = (value: string): boolean => {
  const parsed = new Date(value);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString() === value.replace(/Z$/, '.000Z');
};
export const time = text(isTime, 'must be a time like 2027-01-31T00:00:00Z');

export const oneOf = <const T extends string>(...words: readonly T[]): Reader<T> =>
  text<T>(
    (value) => (words as readonly string[]).includes(value),
    `must be ${words.slice(0, -1).join(', ')}${words.length > 1 ? ' or ' : ''}${words.at(-1)}`,
  );

export const integer =
  (from: number, to: number = Number.MAX_SAFE_INTEGER): Reader<number> =>
  (value, path, findings) => {
    if (isMissing(value)) return refuse(findings, path, 'is missing');
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= from && value <= to)
      return value;
    const limit = to === Number.MAX_SAFE_INTEGER ? `of at least ${from}` : `from ${from} to ${to}`;
    return refuse(findings, path, `must be a whole number ${limit}`);
  };

export const flag: Reader<boolean> = (value, path, findings) => {
  if (isMissing(value)) return refuse(findings, path, 'is missing');
  return typeof value === 'boolean' ? value : refuse(findings, path, 'must be true or false');
};

/** What is missing or null is an empty list, as in the documents that the reference writes. */
export const list =
  <T>(item: Reader<T>, most = 10_000): Reader<readonly T[]> =>
  (value, path, findings) => {
    if (isMissing(value)) return [];
    if (!Array.isArray(value)) return refuse(findings, path, 'must be a list');
    if (value.length > most) return refuse(findings, path, `must have at most ${most} entries`);
    return value.map((entry, index) => item(entry ?? null, [...path, index], findings));
  };

export const optional =
  <T>(reader: Reader<T>): Reader<T | undefined> =>
  (value, path, findings) =>
    isMissing(value) ? undefined : reader(value, path, findings);

export const defaulted =
  <T>(reader: Reader<T>, otherwise: T): Reader<T> =>
  (value, path, findings) =>
    isMissing(value) ? otherwise : reader(value, path, findings);

/** A mapping with these keys; others are noted as unknown. */
export const record =
  <S extends Shape>(shape: S): Reader<RecordOf<S>> =>
  (value, path, findings) => {
    if (isMissing(value)) return refuse(findings, path, 'is missing');
    if (typeof value !== 'object' || Array.isArray(value)) return refuse(findings, path, 'must be a mapping');
    for (const key of Object.keys(value))
      if (!Object.hasOwn(shape, key)) findings.unknown.push([...path, key]);
    const given = value as Readonly<Record<string, unknown>>;
    const entries = Object.entries(shape)
      .map(([key, read]) => [
        key,
        read(Object.hasOwn(given, key) ? given[key] : undefined, [...path, key], findings),
      ])
      .filter(([, read]) => read !== undefined);
    return Object.fromEntries(entries);
  };

/** A mapping of any keys that `accepts`. */
export const mapping =
  <T>(
    accepts: (key: string) => boolean,
    rule: string,
    item: Reader<T>,
  ): Reader<Readonly<Record<string, T>>> =>
  (value, path, findings) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return refuse(findings, path, 'must be a mapping');
    const entries = Object.entries(value).map(([key, given]) => {
      if (!accepts(key)) refuse(findings, [...path, key], rule);
      return [key, item(given, [...path, key], findings)];
    });
    return Object.fromEntries(entries);
  };

/** `targets[0].network.ports[1]`; other keys quoted. */
export function renderPath(path: Path): string {
  let rendered = '';
  for (const part of path) {
    if (typeof part === 'number') rendered += `[${part}]`;
    else rendered += (rendered && '.') + (/^[\w-]+$/.test(part) ? part : JSON.stringify(part.slice(0, 100)));
  }
  return rendered;
}

const most = 10;

/** The problems as one error; `lineOf` tells the line of a path where the document came from a person. */
export function problemsError(
  what: string,
  problems: readonly Problem[],
  lineOf?: (path: Path) => number | undefined,
): MosError {
  const told = problems.slice(0, most).map(({ path, text: problem }) => {
    const line = lineOf?.(path);
    const where = [
      line === undefined ? '' : `line ${line}: `,
      path.length === 0 ? '' : `${renderPath(path)} `,
    ];
    return `${where.join('')}${problem}`;
  });
  if (problems.length > most) told.push(`and ${problems.length - most} more`);
  return new MosError('invalid', `cannot use ${what}: ${told.join('; ')}`);
}
