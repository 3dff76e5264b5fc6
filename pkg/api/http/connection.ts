import type { Socket } from 'node:net';
import { type Answer, type Bytes, problemAnswer, reasons } from './answer.ts';
import { parseRequestHead, type RequestHead } from './head.ts';
import { Gone, Input } from './input.ts';
import type { Limits } from './limits.ts';
import { Refused } from './refused.ts';

export type Request = RequestHead & { readonly body: Buffer };
export type Handle = (request: Request) => Promise<Answer>;

/** Bytes that a client may still send when it was told that this was the last answer. */
const mostUnread = 1024 * 1024;

/**
 * One connection, one request after the other. An own reader of HTTP/1.1, because with client certificates neither
 * runtime's server has its time limits and checks (PLATFORM), and because both runtimes then read the same.
 */
export async function serveConnection(socket: Socket, handle: Handle, limits: Limits): Promise<void> {
  const input = new Input(socket);
  try {
    let isOpen = true;
    for (let wait = limits.first; isOpen; wait = limits.idle)
      isOpen = await serveOne(socket, input, handle, limits, wait);
  } catch (error) {
    if (!(error instanceof Gone)) throw error;
  } finally {
    input.leave(mostUnread);
    setTimeout(() => socket.destroy(), limits.request).unref();
  }
}

/** False where the connection ends. */
async function serveOne(
  socket: Socket,
  input: Input,
  handle: Handle,
  limits: Limits,
  wait: number,
): Promise<boolean> {
  let answer: Answer;
  let request: Request | undefined;
  try {
    await input.begin(wait);
  } catch (error) {
    if (error instanceof Refused) return false; // it sent nothing: nothing is answered
    throw error;
  }
  try {
    const head = parseRequestHead(await input.head(limits.headBytes, limits.request), limits);
    request = { ...head, body: head.length === 0 ? nothing : await input.body(head.length, limits.request) };
    answer = await handle(request);
  } catch (error) {
    if (error instanceof Gone) throw error;
    answer = problemAnswer(error);
    if (error instanceof Refused && request === undefined) answer = ending(answer);
  }
  const isLast =
    request === undefined ||
    !request.keepsOpen ||
    isEndless(answer.body) ||
    answer.headers['connection'] === 'close';
  await send(socket, input, isLast ? ending(answer) : answer, request?.method === 'HEAD', limits);
  return !isLast;
}

const isEndless = (body: Answer['body']): body is AsyncIterable<string> =>
  typeof body !== 'string' && !('length' in body);

const nothing = Buffer.alloc(0);
const ending = (answer: Answer): Answer => ({
  ...answer,
  headers: { ...answer.headers, connection: 'close' },
});

/** Sent with every answer: nothing of it is kept, sniffed or shown in a frame. */
const always = 'cache-control: no-store\r\nx-content-type-options: nosniff\r\n';

async function send(
  socket: Socket,
  input: Input,
  answer: Answer,
  isHead: boolean,
  limits: Limits,
): Promise<void> {
  const { status, headers, body } = answer;
  let head = `HTTP/1.1 ${status} ${reasons[status] ?? 'Error'}\r\n${always}`;
  for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
  if (typeof body === 'string') {
    const length = status === 204 ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`;
    const text = `${head}${length}\r\n${isHead ? '' : body}`;
    for (const piece of piecesOf(text)) await write(socket, piece, limits.answer);
    return;
  }
  if (isEndless(body)) {
    await write(socket, `${head}\r\n`, limits.answer);
    for await (const text of body) {
      if (input.isOver || socket.destroyed) return;
      await write(socket, text, limits.answer);
    }
    return;
  }
  await write(socket, `${head}content-length: ${body.length}\r\n\r\n`, limits.answer);
  if (!isHead) await sendBytes(socket, body, limits.answer);
}

/** Fewer bytes than were announced end the connection: the other side must not take the next answer for the rest. */
async function sendBytes(socket: Socket, { length, read }: Bytes, limit: number): Promise<void> {
  let left = length;
  // While one piece is on its way the next one is read.
  let sent: Promise<void> = Promise.resolve();
  for await (const chunk of read()) {
    await sent;
    left -= chunk.length;
    if (left < 0) break;
    sent = deliver(socket, chunk, limit);
    sent.catch(() => {});
  }
  await sent;
  if (left !== 0) throw new Gone();
}

/** Ends when the bytes are no longer needed here. */
function deliver(socket: Socket, bytes: Uint8Array, limit: number): Promise<void> {
  if (socket.destroyed) throw new Gone();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Gone()), limit);
    const gone = (): void => reject(new Gone());
    socket.once('close', gone);
    socket.write(bytes, (error) => {
      clearTimeout(timer);
      socket.removeListener('close', gone);
      if (error) gone();
      else resolve();
    });
  });
}

const pieceSize = 64 * 1024;

/** What a slow client takes within the limit; the limit is one of each piece. */
function* piecesOf(text: string): Generator<string | Uint8Array> {
  if (text.length <= pieceSize) return yield text;
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieceSize) yield bytes.subarray(at, at + pieceSize);
}

/** Ends when a client that is slow has taken it; one that takes nothing is left. */
function write(socket: Socket, piece: string | Uint8Array, limit: number): Promise<void> {
  if (socket.destroyed) throw new Gone();
  if (socket.write(piece)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const done = (then: () => void): void => {
      clearTimeout(timer);
      socket.removeListener('drain', drained);
      socket.removeListener('close', gone);
      then();
    };
    const drained = (): void => done(resolve);
    const gone = (): void => done(() => reject(new Gone()));
    const timer = setTimeout(gone, limit);
    socket.on('drain', drained);
    socket.on('close', gone);
  });
}
