/** A string with the colon behind it, if it is a key; or what opens and closes objects and lists. */
const tokens = /("(?:[^"\\]|\\.)*")(\s*:)?|[{}[\]]/g;

/** The first key that stands twice in one object of a JSON text that `JSON.parse` accepted. */
export function repeatedKey(text: string): string | undefined {
  const around: Set<string>[] = [];
  for (const [token, string, colon] of text.matchAll(tokens)) {
    if (token === '{' || token === '[') around.push(new Set());
    else if (token === '}' || token === ']') around.pop();
    else if (string !== undefined && colon !== undefined) {
      const key: string = JSON.parse(string);
      if (around.at(-1)?.has(key)) return key;
      around.at(-1)?.add(key);
    }
  }
  return undefined;
}
