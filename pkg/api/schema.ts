import { MosError } from '../errors/index.ts';

/** JSON Schema 2020-12, as OpenAPI 3.1 has it. */
export type JsonSchema = { readonly [key: string]: unknown };

/**
 * A schema that is both: what the document says and what is checked, and the type of what passed. The few forms we need,
 * in place of a library: a value of a use case that gets a field its schema lacks does not compile.
 */
export type Schema<T> = {
  readonly json: JsonSchema;
  /** `at` names the value in messages. */
  readonly check: (value: unknown, at: string) => T;
};

const bad = (at: string, why: string): MosError =>
  new MosError('usage', `cannot use the request: ${at} ${why}`);

const rejectUnless = (isGood: boolean, at: string, why: string): void => {
  if (!isGood) throw bad(at, why);
};

export const text = (
  options: { pattern?: string; most?: number; description?: string } = {},
): Schema<string> => {
  const { pattern, most = 1024, description } = options;
  const regular = pattern === undefined ? undefined : new RegExp(pattern, 'u');
  return {
    json: {
      type: 'string',
      maxLength: most,
      ...(pattern === undefined ? {} : { pattern }),
      ...(description === undefined ? {} : { description }),
    },
    check: (value, at) => {
      if (typeof value !== 'string') throw bad(at, 'must be a text');
      rejectUnless([...value].length <= most, at, `must have at most ${most} characters`);
      rejectUnless(regular === undefined || regular.test(value), at, 'is malformed');
      rejectUnless(!/\p{Cc}/u.test(value), at, 'has a control character');
      return value;
    },
  };
};

/** Text of ours in an answer: any. */
export const anyText: Schema<string> = {
  json: { type: 'string' },
  check: (value, at) => {
    if (typeof value !== 'string') throw bad(at, 'must be a text');
    return value;
  },
};

export const integer = (
  options: { least?: number; most?: number; description?: string } = {},
): Schema<number> => {
  const { least = 0, most = Number.MAX_SAFE_INTEGER, description } = options;
  return {
    json: {
      type: 'integer',
      minimum: least,
      maximum: most,
      ...(description === undefined ? {} : { description }),
    },
    check: (value, at) => {
      if (typeof value !== 'number' || !Number.isInteger(value)) throw bad(at, 'must be a whole number');
      rejectUnless(value >= least && value <= most, at, `must be ${least} to ${most}`);
      return value;
    },
  };
};

export const flag = (description?: string): Schema<boolean> => ({
  json: { type: 'boolean', ...(description === undefined ? {} : { description }) },
  check: (value, at) => {
    if (typeof value !== 'boolean') throw bad(at, 'must be true or false');
    return value;
  },
});

export const choice = <const C extends readonly string[]>(...choices: C): Schema<C[number]> => ({
  json: { type: 'string', enum: choices },
  check: (value, at) => {
    rejectUnless(choices.includes(value as string), at, `must be one of ${choices.join(', ')}`);
    return value as C[number];
  },
});

export const list = <T>(of: Schema<T>): Schema<readonly T[]> => ({
  json: { type: 'array', items: of.json },
  check: (value, at) => {
    if (!Array.isArray(value)) throw bad(at, 'must be a list');
    return value.map((one, index) => of.check(one, `${at}[${index}]`));
  },
});

export const nullable = <T>(of: Schema<T>): Schema<T | null> => ({
  json: { anyOf: [of.json, { type: 'null' }] },
  check: (value, at) => (value === null ? null : of.check(value, at)),
});

/** A value whose form is told elsewhere: what a job brought. */
export const anything = (description: string): Schema<unknown> => ({
  json: { description },
  check: (value) => value,
});

type Fields<T> = { readonly [K in keyof T]-?: Schema<Exclude<T[K], undefined>> };
type OptionalKeys<T> = { [K in keyof T]-?: undefined extends T[K] ? K : never }[keyof T];

/** Every field of T is told, and no other is allowed. `optional` are those that may be left out. */
export const object = <T extends object>(
  fields: Fields<T>,
  optional: readonly OptionalKeys<T>[] = [],
): Schema<T> => {
  const keys = Object.keys(fields) as (keyof T & string)[];
  const required = keys.filter((key) => !(optional as readonly string[]).includes(key));
  const properties = Object.fromEntries(keys.map((key) => [key, fields[key].json]));
  return {
    json: { type: 'object', properties, required, additionalProperties: false },
    check: (value, at) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        throw bad(at, 'must be an object');
      const given = value as Record<string, unknown>;
      for (const key of Object.keys(given))
        rejectUnless(
          keys.includes(key as keyof T & string),
          at,
          `has ${JSON.stringify(key.slice(0, 100))}, which is not known`,
        );
      const result: Record<string, unknown> = {};
      for (const key of keys) {
        const one = given[key];
        if (one === undefined) rejectUnless(!required.includes(key), at, `lacks ${key}`);
        else result[key] = fields[key].check(one, at === '' ? key : `${at}.${key}`);
      }
      return result as T;
    },
  };
};
