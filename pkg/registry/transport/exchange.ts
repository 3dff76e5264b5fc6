import { readBody } from './body.ts';
import type { Connection } from './connection.ts';
import { endOfHead, type Framing, framingOf, type Head, headLimit, malformed, parseHead } from './head.ts';
import type { HttpProxy } from './proxy.ts';
import { permanent, transientError } from './transient.ts';

/** What is sent with a request: `size` bytes, given anew each time it is opened. */
export type Payload = { readonly size: number; open(): AsyncIterable<Uint8Array> };

export type Request = {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly payload?: Payload | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** Milliseconds without a byte: while it flows, and until the answer to an upload begins. */
export type Limits = { readonly idle: number; readonly answer: number };

export type Response = {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** To be read to its end, or left: then the connection is closed. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Reads a small rest, so that the connection can be used again. */
  discard(): Promise<void>;
};

/** One request and its answer over a connection. `release` gets the connection back when the body was read. */
export async function exchange(
  connection: Connection,
  request: Request,
  limits: Limits,
  release: (connection: Connection) => void,
): Promise<Response> {
  try {
    const isSent = await sendRequest(connection, request, limits);
    const limit = request.payload === undefined ? limits.idle : limits.answer;
    connection.startPace();
    const head = await readHead(connection, limit, request.signal);
    connection.startPace();
    return respond(connection, request, head, limits, isSent ? release : () => connection.destroy());
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

function respond(
  connection: Connection,
  { method, signal }: Request,
  head: Head,
  { idle }: Limits,
  release: (connection: Connection) => void,
): Response {
  const framing = framingOf(method, head);
  const finish = () => (keepsOpen(head, framing) ? release(connection) : connection.destroy());
  // Nobody reads a body that isn't there, as that of HEAD.
  if (framing.kind === 'length' && framing.length === 0) {
    finish();
    return { ...head, body: nothing, discard: async () => {} };
  }
  const body = finishing(connection, readBody(connection, framing, { idle, signal }), finish);
  const discard = async (): Promise<void> => {
    let size = 0;
    try {
      for await (const chunk of body) {
        size += chunk.length;
        if (size > discardLimit) break;
      }
    } catch {
      // The answer is known; the connection is closed by `finishing`.
    }
  };
  return { status: head.status, headers: head.headers, body, discard };
}

const nothing: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: async function* () {} };

const discardLimit = 64 * 1024;

const keepsOpen = ({ headers }: Head, framing: Framing): boolean =>
  framing.kind !== 'close' && !/\bclose\b/i.test(headers.get('connection') ?? '');

/** Passes a body on; the connection is given back at its end and closed when the reader leaves before. */
async function* finishing(connection: Connection, body: AsyncIterable<Uint8Array>, atEnd: () => void) {
  let isComplete = false;
  try {
    yield* body;
    isComplete = true;
  } finally {
    if (isComplete) atEnd();
    else connection.destroy();
  }
}

/** True where all of it was sent; false where the answer came before. */
async function sendRequest(connection: Connection, request: Request, limits: Limits): Promise<boolean> {
  const { payload, signal } = request;
  await connection.write(renderHead(request, connection.forward), limits.idle, signal);
  if (payload === undefined) return true;
  for await (const chunk of ahead(fromSource(payload))) {
    if (connection.hasInput) return false;
    await connection.write(chunk, limits.idle, signal);
  }
  return true;
}

/** While one chunk is on its way the next one is read and hashed. */
async function* ahead(
  chunks: AsyncGenerator<Uint8Array, void, undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let next = chunks.next();
  try {
    for (;;) {
      const { value, done } = await next;
      if (done) return;
      next = chunks.next();
      next.catch(() => {}); // it is told in the next round
      yield value;
    }
  } finally {
    await chunks.return();
  }
}

/** An error of the source is its own: it's no reason to send again. */
async function* fromSource(payload: Payload): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* payload.open();
  } catch (error) {
    throw permanent(error);
  }
}

function renderHead({ method, url, headers = {}, payload }: Request, forward: HttpProxy | undefined): string {
  const fields: Record<string, string> = {
    Host: url.host,
    'User-Agent': 'mos',
    // Bytes as they are stored: what is hashed must not have been unpacked.
    'Accept-Encoding': 'identity',
    ...headers,
  };
  if (payload !== undefined) fields['Content-Length'] = String(payload.size);
  else if (method !== 'GET' && method !== 'HEAD') fields['Content-Length'] = '0';
  if (forward?.authorization !== undefined) fields['Proxy-Authorization'] = forward.authorization.reveal();
  // RFC 9112 3.2.2: a proxy is given the whole URL.
  const target = `${forward === undefined ? '' : url.origin}${url.pathname}${url.search}`;
  const lines = [`${method} ${target} HTTP/1.1`];
  for (const [name, value] of Object.entries(fields)) {
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value))
      throw malformed(`our ${name} has characters that can't be sent`);
    lines.push(`${name}: ${value}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

async function readHead(connection: Connection, limit: number, signal?: AbortSignal): Promise<Head> {
  for (;;) {
    const head = await readOneHead(connection, limit, signal);
    // 100 Continue and 103 Early Hints come before the answer; nobody asked for 101.
    if (head.status === 101) throw malformed('it changes the protocol');
    if (head.status >= 200) return head;
  }
}

async function readOneHead(connection: Connection, limit: number, signal?: AbortSignal): Promise<Head> {
  let read: Buffer = Buffer.alloc(0);
  for (;;) {
    const chunk = await connection.read(limit, signal);
    if (chunk === undefined) throw transientError('network', 'the connection ended before an answer came');
    read =
      read.length === 0
        ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
        : Buffer.concat([read, chunk]);
    const end = endOfHead(read);
    if (end >= 0) {
      connection.unread(read.subarray(end + 4));
      return parseHead(read.subarray(0, end).toString('latin1'));
    }
    if (read.length > headLimit) throw malformed('its head is too long');
  }
}
