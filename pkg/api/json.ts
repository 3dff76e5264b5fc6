import { MosError } from '../errors/index.ts';

const deepest = 16;
const bad = (why: string): MosError => new MosError('usage', `cannot read the body: ${why}`);

/**
 * JSON (RFC 8259), where everything that two readers could read differently is refused: names that stand there twice,
 * names that mean something to the language, more depth than any of our documents has.
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw bad('it is no UTF-8');
  }
  requireShallow(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad('it is no JSON');
  }
  checkNames(text);
  return value;
}

/** Before it is parsed: a million brackets would be a million objects. */
function requireShallow(text: string): void {
  let depth = 0;
  for (const [token] of text.matchAll(tokens)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    if (depth > deepest) throw bad(`it is more than ${deepest} levels deep`);
  }
}

/** Strings whole, so that brackets in them don't count. */
const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gs;
const hostile = new Set(['__proto__', 'constructor', 'prototype']);

/** The text is JSON. A string before a colon is a name; each object has its own set. */
function checkNames(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  let last = '';
  for (const [token] of text.matchAll(tokens)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      const name = JSON.parse(last) as string;
      const names = open.at(-1);
      if (hostile.has(name)) throw bad(`the name ${name} is not allowed`);
      if (names?.has(name)) throw bad(`it has ${JSON.stringify(name.slice(0, 100))} twice`);
      names?.add(name);
    }
    last = token;
  }
}
