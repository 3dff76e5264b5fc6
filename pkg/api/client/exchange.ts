import type { Socket } from 'node:net';
import { MosError } from '../../errors/index.ts';

export type Call = {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: object | undefined;
  /** The answer is no JSON: its text is the value. */
  readonly isText?: boolean;
};

export type Reply = { readonly status: number; readonly body: AsyncIterable<string> };

/** A machine that goes on without end is not waited for; its events beat every 15 s. */
const idle = 60_000;
/** Pieces that nobody has read yet. */
const mostWaiting = 16;
const headLimit = 64 * 1024;

/** What is more than a name – the begin of a query, a percent sign – would be another call than the one that is meant. */
export function requirePath({ path }: Call): void {
  if (!/^[\w/.~@:-]+$/.test(path))
    throw new MosError('usage', `cannot ask for ${JSON.stringify(path)}: no name there is like that`);
}

/** One call over a connection of its own; the body ends with it. `silence` is what an end without a word means. */
export async function exchange(socket: Socket, call: Call, silence = broken): Promise<Reply> {
  const body = call.body === undefined ? '' : JSON.stringify(call.body);
  const head = [
    `${call.method} ${call.path}${renderQuery(call.query)} HTTP/1.1`,
    'host: machine',
    'connection: close',
    ...(body === '' ? [] : ['content-type: application/json', `content-length: ${Buffer.byteLength(body)}`]),
  ];
  const chunks = chunksOf(socket);
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  let read = '';
  let end = -1;
  while (end < 0) {
    const { value, done } = await chunks.next();
    if (done && read === '') throw silence();
    if (done || read.length > headLimit) throw broken();
    read += value;
    end = read.indexOf('\r\n\r\n');
  }
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(read)?.[1]);
  if (!Number.isInteger(status)) throw broken();
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(read.slice(0, end + 2))?.[1];
  return {
    status,
    body: bodyOf(read.slice(end + 4), chunks, length === undefined ? undefined : Number(length)),
  };
}

/** Who reads no further, or not to the end, closes the connection. */
async function* bodyOf(first: string, chunks: AsyncGenerator<string>, length: number | undefined) {
  let size = Buffer.byteLength(first);
  try {
    if (first !== '') yield first;
    while (length === undefined || size < length) {
      const { value, done } = await chunks.next();
      if (done) {
        if (length !== undefined) throw broken();
        return;
      }
      size += Buffer.byteLength(value);
      yield value;
    }
  } finally {
    await chunks.return(undefined);
  }
}

async function* chunksOf(socket: Socket): AsyncGenerator<string, void, undefined> {
  const queue: string[] = [];
  let isOver = false;
  let wake: (() => void) | undefined;
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    queue.push(text);
    if (queue.length > mostWaiting) socket.pause();
    wake?.();
  });
  for (const event of ['end', 'close', 'error'])
    socket.on(event, () => {
      isOver = true;
      wake?.();
    });
  try {
    for (;;) {
      const text = queue.shift();
      if (text !== undefined) yield text;
      else if (isOver) return;
      else {
        socket.resume();
        await wait((then) => {
          wake = then;
        });
      }
    }
  } finally {
    socket.destroy();
  }
}

function wait(give: (wake: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(broken()), idle);
    give(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

const renderQuery = (query: Call['query'] = {}): string => {
  const parts = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
};

function broken(): MosError {
  return new MosError('network', 'cannot understand the machine: its answer is broken off');
}
