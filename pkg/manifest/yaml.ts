import {
  isMap,
  isNode,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type YAMLError,
  type Document as YamlDocument,
} from 'yaml';
import { MosError } from '../errors/index.ts';
import type { Document } from './document.ts';
import type { Path } from './fields.ts';

/** Keys whose value is text even where it looks like a number: `version: 1.0` of a target means "1.0". */
const textKeys = new Set(['product', 'service_name', 'nsgroup', 'label', 'source', 'name']);

export function parseYaml(text: string, what: string): Document {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const error = document.errors[0] ?? document.warnings[0];
  if (error !== undefined)
    throw new MosError(
      'invalid',
      `cannot use ${what}: line ${counter.linePos(error.pos[0]).line}: ${reasonOf(error)}`,
      { cause: error },
    );
  keepTexts(document);
  return { value: plainValue(document, what), lineOf: (path) => lineOf(document, counter, path) };
}

/** The library tells of a text nested too deeply in the words of the engine, and of several documents in its own. */
function reasonOf({ code, message }: Pick<YAMLError, 'code' | 'message'>): string {
  if (code === 'MULTIPLE_DOCS') return 'a second document begins, and it must be one';
  return /call stack/i.test(message) ? 'it is nested too deeply' : message;
}

/** What is written shorter by aliases may be larger than any memory. */
function plainValue(document: YamlDocument, what: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw new MosError('invalid', `cannot use ${what}: its aliases stand for too much`, { cause });
  }
}

function keepTexts(document: YamlDocument): void {
  visit(document, {
    Pair(_, pair, ancestors) {
      if (!isScalar(pair.key) || !isScalar(pair.value) || pair.value.source === undefined) return;
      // A pair's ancestors are the document and the mappings and lists around it: more than two below the top.
      const isText =
        textKeys.has(String(pair.key.value)) || (pair.key.value === 'version' && ancestors.length > 2);
      if (isText && typeof pair.value.value === 'number') pair.value.value = pair.value.source;
    },
  });
}

/** The line of the key or list entry, or of the nearest one around it that is written down. */
function lineOf(document: YamlDocument, counter: LineCounter, path: Path): number | undefined {
  for (let length = path.length; length >= 0; length--) {
    const around: unknown = length < 2 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    const pair = isMap(around)
      ? around.items.find((item) => isScalar(item.key) && item.key.value === last)
      : undefined;
    const node: unknown =
      pair?.key ?? (length === 0 ? document.contents : document.getIn(path.slice(0, length), true));
    if (isNode(node) && node.range) return counter.linePos(node.range[0]).line;
  }
  return undefined;
}
