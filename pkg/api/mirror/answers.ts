import type { Descriptor } from '../../oci/index.ts';
import type { Content } from '../../system/index.ts';
import { type Answer, reasons } from '../http/answer.ts';

const plain = { 'docker-distribution-api-version': 'registry/2.0' };

/** distribution-spec 1.1, "Error Codes": what the tools read. */
export const registryError = (
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): Answer => ({
  status,
  headers: { ...plain, 'content-type': 'application/json', ...headers },
  body: `${JSON.stringify({ errors: [{ code, message: (reasons[status] ?? 'error').toLowerCase() }] })}\n`,
});

export const registryJson = (
  value: unknown,
  type = 'application/json',
  headers: Readonly<Record<string, string>> = {},
): Answer => ({
  status: 200,
  headers: { ...plain, 'content-type': type, ...headers },
  body: JSON.stringify(value),
});

export function manifestAnswer({ mediaType, digest }: Descriptor, bytes: Uint8Array): Answer {
  const headers = { ...plain, 'content-type': mediaType, 'docker-content-digest': digest };
  return { status: 200, headers, body: { length: bytes.length, read: () => once(bytes) } };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** A blob, or the one part of it that was asked for (RFC 9110 14); what is no single range is not heard. */
export function blobAnswer(digest: string, content: Content, range: string | undefined): Answer {
  const { size } = content;
  const headers = {
    ...plain,
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    'accept-ranges': 'bytes',
  };
  const part = parseRange(range, size);
  if (part === 'outside') return registryError(416, 'SIZE_INVALID', { 'content-range': `bytes */${size}` });
  const { start, end } = part ?? { start: 0, end: size };
  const body = { length: end - start, read: () => content.read(start, end) };
  if (part === undefined) return { status: 200, headers, body };
  return { status: 206, headers: { ...headers, 'content-range': `bytes ${start}-${end - 1}/${size}` }, body };
}

/** `end` is the byte after the last one. */
export function parseRange(
  text: string | undefined,
  size: number,
): { readonly start: number; readonly end: number } | 'outside' | undefined {
  const [whole, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(text ?? '') ?? [];
  if (whole === undefined || (first === '' && last === '')) return undefined;
  if (first === '') {
    const count = Math.min(Number(last), size);
    return count === 0 ? 'outside' : { start: size - count, end: size };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return undefined;
  return start >= size ? 'outside' : { start, end: last === '' ? size : Math.min(Number(last) + 1, size) };
}
