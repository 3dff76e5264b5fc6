import { MosError } from '../../errors/index.ts';

/** Status line and header fields of an answer (RFC 9112). Names in lower case; repeated fields joined by commas. */
export type Head = { readonly status: number; readonly headers: ReadonlyMap<string, string> };

/** Where the head ends in the bytes, or -1. */
export const endOfHead = (bytes: Buffer): number => bytes.indexOf('\r\n\r\n');

/** Longest head that is read. */
export const headLimit = 64 * 1024;

const statusLine = /^HTTP\/1\.[01] ([1-5][0-9]{2})(?: .*)?$/;
const fieldLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/;

/** The text before the empty line. Folded lines and white space before the colon are refused, as RFC 9112 5.1 asks. */
export function parseHead(text: string): Head {
  const [first = '', ...lines] = text.split('\r\n');
  const status = statusLine.exec(first)?.[1];
  if (status === undefined) throw malformed('it does not begin with an HTTP/1.1 status line');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value = ''] = fieldLine.exec(line) ?? [];
    if (name === undefined) throw malformed('a header field is malformed');
    const key = name.toLowerCase();
    const before = headers.get(key);
    headers.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  return { status: Number(status), headers };
}

/** How the body ends: after so many bytes, in chunks, with the connection; RFC 9112 6.3. */
export type Framing =
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' | 'close' };

export function framingOf(method: string, { status, headers }: Head): Framing {
  if (method === 'HEAD' || status === 204 || status === 304) return { kind: 'length', length: 0 };
  const coding = headers.get('transfer-encoding');
  const length = headers.get('content-length');
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked' || length !== undefined)
      throw malformed('its length is told in two ways, or in one we do not know');
    return { kind: 'chunked' };
  }
  if (length === undefined) return { kind: 'close' };
  if (!/^[0-9]{1,15}$/.test(length)) throw malformed('its Content-Length is no number');
  return { kind: 'length', length: Number(length) };
}

export const malformed = (why: string): MosError =>
  new MosError('network', `the answer is not HTTP as we know it: ${why}`);
