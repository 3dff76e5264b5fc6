import { type ErrorCode, MosError, messageOf } from '../errors/index.ts';
import { isTransient, type Request, type Response, transientError } from './transport/index.ts';

const codes: Readonly<Record<number, ErrorCode>> = {
  401: 'denied',
  403: 'denied',
  404: 'not-found',
  408: 'timeout',
  504: 'timeout',
  507: 'no-space',
};

const hints: Readonly<Record<number, string>> = {
  401: 'log in where this runs: `docker login`, `podman login`, or config.json in the folder DOCKER_CONFIG; commands that write there take --user too',
  403: 'the user has no right to do this there',
};

/** What servers with TLS answer to a request without it, mostly with no word to a HEAD. */
const speaksTls =
  'if the registry speaks TLS, write https:// before its name, or give its CA with --registry-ca';

/** A URL as it may be shown: without user, and of the query only the names, because values may be keys. */
export function redactUrl(url: URL): string {
  const names = [...url.searchParams.keys()].map((name) => `${name}=…`);
  return `${url.origin}${url.pathname}${names.length === 0 ? '' : `?${names.join('&')}`}`;
}

const messageLimit = 300;

/** What the registry said, on one line, without control characters. */
export function registryMessage(text: string, type: string): string {
  const spoken = errorsOf(text) ?? (type.includes('html') ? '' : text);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const line = spoken.replaceAll(/[\u0000-\u001f\u007f-\u009f\s]+/g, ' ').trim();
  return line.length > messageLimit ? `${line.slice(0, messageLimit)}…` : line;
}

/** `{"errors":[{code, message, detail}]}`, distribution-spec 1.1 "Error Codes"; token servers say `details` or `error`. */
function errorsOf(text: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { errors, details, error_description: described, error } = (value ?? {}) as Record<string, unknown>;
  if (!Array.isArray(errors)) return textOf(details ?? described ?? error ?? text);
  return errors
    .slice(0, 3)
    .map((entry: unknown) => {
      const { code, message } = (entry ?? {}) as Record<string, unknown>;
      return [code, message]
        .filter((part) => part !== undefined && part !== '')
        .map(textOf)
        .join(': ');
    })
    .filter((part) => part !== '')
    .join('; ');
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** The error for an answer nobody expected; reads what is needed of its body. */
export async function statusError(what: string, request: Request, response: Response): Promise<MosError> {
  const { status, headers } = response;
  const text = await beginningOf(response);
  const said = registryMessage(text, headers.get('content-type') ?? '');
  const asked = `${request.method} ${redactUrl(request.url)}`;
  const isPlain = request.url.protocol === 'http:';
  const hint = status === 400 && isPlain && said === '' ? speaksTls : hints[status];
  const error = new MosError(
    codes[status] ?? 'network',
    `cannot ${what}: ${asked} answered ${status}${said === '' ? '' : `: ${said}`}`,
    hint === undefined ? {} : { hint },
  );
  statuses.set(error, status);
  return error;
}

const statuses = new WeakMap<object, number>();

/** The status that an error of `statusError` stands for. */
export const statusOf = (error: unknown): number | undefined =>
  error instanceof MosError ? statuses.get(error) : undefined;

const bodyLimit = 16 * 1024;

async function beginningOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk.subarray(0, bodyLimit - size));
      size += chunk.length;
      if (size >= bodyLimit) break;
    }
  } catch {
    // The status is worth more than a complete message.
  }
  return Buffer.concat(chunks).toString();
}

/** An error of the connection, with what was wanted and asked; it stays transient unless the tries are used up. */
export function connectionError(
  what: string,
  request: Pick<Request, 'method' | 'url'>,
  error: unknown,
  isFinal = true,
): unknown {
  if (!(error instanceof MosError) || error.message.startsWith('cannot ')) return error;
  const message = `cannot ${what}: ${request.method} ${redactUrl(request.url)}: ${messageOf(error)}`;
  if (isTransient(error) && !isFinal) return transientError(error.code, message);
  return new MosError(error.code, message, error.hint === undefined ? {} : { hint: error.hint });
}
