import { MosError } from '../errors/index.ts';
import type { Path } from './fields.ts';
import { repeatedKey } from './json-keys.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** A document as plain values; `lineOf` is there where it came from YAML. */
export type Document = { readonly value: unknown; readonly lineOf?: (path: Path) => number | undefined };

/** JSON first: what machines write is JSON, and the YAML library is loaded only for what isn't. */
export async function readDocument(bytes: Uint8Array | string, what: string): Promise<Document> {
  const text = typeof bytes === 'string' ? bytes : decode(bytes, what);
  const document = parseJson(text, what) ?? (await import('./yaml.ts')).parseYaml(text, what);
  if (document.value === null) throw new MosError('invalid', `cannot use ${what}: it is empty`);
  return document;
}

/** Undefined: it is no JSON. A key that stands twice is refused as in YAML: of its values, readers take different ones. */
function parseJson(text: string, what: string): Document | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const twice = repeatedKey(text);
  if (twice !== undefined)
    throw new MosError(
      'invalid',
      `cannot use ${what}: the key ${JSON.stringify(twice)} stands twice in an object`,
    );
  return { value };
}

export function decode(bytes: Uint8Array, what: string): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new MosError('invalid', `cannot use ${what}: it is not UTF-8 text`, { cause });
  }
}
