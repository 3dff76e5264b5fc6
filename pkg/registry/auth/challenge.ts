/** One scheme of a WWW-Authenticate header. Names in lower case. */
export type Challenge = { readonly scheme: string; readonly parameters: ReadonlyMap<string, string> };

const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const quoted = /"((?:[^"\\]|\\.)*)"/y;
const space = /[ \t,]*/y;
const equals = /[ \t]*=[ \t]*/y;
const lone = /[ \t]+[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;

/**
 * The challenges in a header or in several joined by commas (RFC 9110 11.6.1). A comma also stands between parameters and
 * inside quotes (`scope="repository:a:pull,push"`), so this can't be split; what can't be read ends the list.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const found: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  for (take(space); at < header.length; take(space)) {
    const name = take(token)?.[0].toLowerCase();
    if (name === undefined) break;
    const parameters = found.at(-1)?.parameters;
    if (take(equals) === null || parameters === undefined) {
      found.push({ scheme: name, parameters: new Map() });
      // `Negotiate abc=`: one value without a name, read over.
      take(lone);
      continue;
    }
    const value = take(quoted)?.[1]?.replaceAll(/\\(.)/g, '$1') ?? take(token)?.[0];
    if (value === undefined) break;
    if (!parameters.has(name)) parameters.set(name, value);
  }
  return found;
}
