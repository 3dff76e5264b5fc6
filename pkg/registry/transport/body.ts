import type { Connection } from './connection.ts';
import { type Framing, malformed } from './head.ts';
import { transientError } from './transient.ts';

export type BodyLimits = { readonly idle: number; readonly signal?: AbortSignal | undefined };

/** The bytes of a body, its framing taken off. Ends early with a transient error when the connection does. */
export async function* readBody(
  connection: Connection,
  framing: Framing,
  limits: BodyLimits,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (framing.kind === 'length') yield* readLength(connection, framing.length, limits);
  else if (framing.kind === 'chunked') yield* readChunked(connection, limits);
  else yield* readToEnd(connection, limits);
}

async function* readLength(
  connection: Connection,
  length: number,
  { idle, signal }: BodyLimits,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = length;
  while (left > 0) {
    const chunk = await connection.read(idle, signal);
    if (chunk === undefined) throw cutOff(`${length - left} of ${length} bytes`);
    if (chunk.length > left) connection.unread(chunk.subarray(left));
    const own = chunk.length > left ? chunk.subarray(0, left) : chunk;
    left -= own.length;
    yield own;
  }
}

async function* readToEnd(
  connection: Connection,
  { idle, signal }: BodyLimits,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const chunk = await connection.read(idle, signal);
    if (chunk === undefined) return;
    yield chunk;
  }
}

/** RFC 9112 7.1; extensions and trailers are read over. */
async function* readChunked(
  connection: Connection,
  limits: BodyLimits,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const size = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?$/.exec(await readLine(connection, limits))?.[1];
    if (size === undefined) throw malformed('the size of a chunk is no number');
    const length = Number.parseInt(size, 16);
    if (length === 0) break;
    yield* readLength(connection, length, limits);
    if ((await readLine(connection, limits)) !== '') throw malformed('a chunk is longer than its size');
  }
  for (let count = 0; (await readLine(connection, limits)) !== ''; count++)
    if (count > 64) throw malformed('it has too many trailers');
}

const lineLimit = 8192;

async function readLine(connection: Connection, { idle, signal }: BodyLimits): Promise<string> {
  let line = Buffer.alloc(0);
  for (;;) {
    const chunk = await connection.read(idle, signal);
    if (chunk === undefined) throw cutOff('a part of a chunk');
    const from = Math.max(0, line.length - 1);
    line = Buffer.concat([line, chunk]);
    const end = line.indexOf('\r\n', from);
    if (end >= 0) {
      connection.unread(line.subarray(end + 2));
      return line.subarray(0, end).toString('latin1');
    }
    if (line.length > lineLimit) throw malformed('a line between chunks is too long');
  }
}

const cutOff = (after: string) => transientError('network', `the connection ended after ${after}`);
