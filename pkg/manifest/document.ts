import { MosError } from '../errors/index.ts';
import type { Path } from './fields.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** A document as plain values; `lineOf` is there where it came from YAML. */
export type Document = { readonly value: unknown; readonly lineOf?: (path: Path) => number | undefined };

/** JSON first: what machines write is JSON, and the YAML library is loaded only for what isn't. */
export async function readDocument(bytes: Uint8Array | string, what: string): Promise<Document> {
  const text = typeof bytes === 'string' ? bytes : decode(bytes, what);
  try {
    return { value: JSON.parse(text) };
  } catch {
    const { parseYaml } = await import('./yaml.ts');
    return parseYaml(text, what);
  }
}

export function decode(bytes: Uint8Array, what: string): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new MosError('invalid', `cannot use ${what}: it is not UTF-8 text`, { cause });
  }
}
