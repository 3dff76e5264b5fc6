import { MosError } from '../errors/index.ts';

/** One line of an LXC config, lxc.container.conf(5). */
export type Entry = readonly [key: string, value: string];

const keyPattern = /^lxc(\.[a-z0-9_]+)+$/;
const control = /[\p{Cc}\u2028\u2029]/u;

/** The text of a config. A value reaches LXC as it is, quotes and blanks at its ends too; a line break can't be said in it. */
export const renderLxcConfig = (entries: readonly Entry[]): string =>
  entries.map(([key, value]) => `${checkedKey(key)} = ${quoted(key, value)}\n`).join('');

function checkedKey(key: string): string {
  if (!keyPattern.test(key)) throw new Error(`no key of an LXC config: ${key}`);
  return key;
}

/** LXC takes blanks off both ends of a value, then one pair of equal quotes around all of it. */
function quoted(key: string, value: string): string {
  if (control.test(value))
    throw new MosError(
      'invalid',
      `cannot use ${JSON.stringify(value)} as ${key}: it has a control character`,
    );
  return /^["'\s]|\s$/.test(value) ? `"${value}"` : value;
}
