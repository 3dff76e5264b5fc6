import type { Limits } from './limits.ts';
import { Refused } from './refused.ts';

export type RequestHead = {
  readonly method: string;
  /** As it came: it has no percent signs, no empty and no dot segments. */
  readonly path: string;
  readonly query: ReadonlyMap<string, string>;
  readonly headers: ReadonlyMap<string, string>;
  /** Bytes of the body. */
  readonly length: number;
  readonly keepsOpen: boolean;
};

/** RFC 9110 5.6.2 (token) and 5.5 (visible characters, blanks between them). */
const header =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[!-~\x80-\xff](?:[ \t!-~\x80-\xff]*[!-~\x80-\xff])?)?)[ \t]*$/;
const requestLine = /^([A-Z]{1,16}) ([!-~]{1,4096}) HTTP\/1\.([01])$/;

/** Headers that decide how a request is read: two of one could be read in two ways. */
const once = new Set(['host', 'content-length', 'content-type', 'transfer-encoding', 'connection']);

const bad = (why: string, status = 400): Refused => new Refused(status, why, { ends: true });

/** RFC 9112, strictly: the text up to the empty line, one byte a character. Whatever two programs could read differently is refused. */
export function parseRequestHead(text: string, limits: Limits): RequestHead {
  const [first = '', ...lines] = text.split('\r\n');
  if (lines.length > limits.headers) throw bad(`it has more than ${limits.headers} headers`, 431);
  const line = requestLine.exec(first);
  if (line === null) throw bad('its first line is malformed');
  if (line[3] !== '1') throw bad('only HTTP/1.1 is spoken here', 505);
  const headers = parseHeaders(lines);
  if ((headers.get('host') ?? '') === '') throw bad('it has no Host');
  if (headers.has('transfer-encoding')) throw bad('a body comes with a Content-Length here', 501);
  if (headers.has('expect')) throw bad('Expect is not understood', 417);
  return {
    method: line[1] ?? '',
    ...parseTarget(line[2] ?? '', limits),
    headers,
    length: parseLength(headers.get('content-length'), limits),
    keepsOpen: !/\bclose\b/i.test(headers.get('connection') ?? ''),
  };
}

function parseHeaders(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value = ''] = header.exec(line) ?? [];
    if (name === undefined) throw bad('a header is malformed');
    const key = name.toLowerCase();
    const before = headers.get(key);
    if (before !== undefined && once.has(key)) throw bad(`it has ${key} twice`);
    headers.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}

function parseLength(text: string | undefined, limits: Limits): number {
  if (text === undefined) return 0;
  if (!/^\d{1,15}$/.test(text)) throw bad('its Content-Length is malformed');
  const length = Number(text);
  if (length > limits.bodyBytes) throw bad(`its body is larger than ${limits.bodyBytes} bytes`, 413);
  return length;
}

function parseTarget(target: string, { paths }: Limits): Pick<RequestHead, 'path' | 'query'> {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  if (!paths.test(path)) throw new Refused(400, 'its path is malformed');
  return { path, query: mark < 0 ? new Map() : parseQuery(target.slice(mark + 1)) };
}

function parseQuery(text: string): Map<string, string> {
  const query = new Map<string, string>();
  for (const part of text === '' ? [] : text.split('&')) {
    const at = part.indexOf('=');
    const [name, value] = (at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)]).map(decode);
    if (name === undefined || value === undefined || name === '')
      throw new Refused(400, 'its query is malformed');
    if (query.has(name)) throw new Refused(400, `its query has ${JSON.stringify(name.slice(0, 100))} twice`);
    query.set(name, value);
  }
  return query;
}

/** Decoded once; what is malformed, and control characters, are refused. */
function decode(text: string): string | undefined {
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    return /\p{Cc}/u.test(decoded) ? undefined : decoded;
  } catch {
    return undefined;
  }
}
