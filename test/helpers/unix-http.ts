import { type IncomingMessage, request } from 'node:http';

export type Reply = { readonly status: number; readonly body: string };

const open = (socketPath: string, method: string, path: string, body?: object): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const sent = request({ socketPath, method, path, headers, agent: false });
    sent.on('error', reject);
    sent.on('response', resolve);
    sent.end(body === undefined ? '' : JSON.stringify(body));
  });

/** One call over a Unix socket, as whoever runs the test. */
export async function call(socket: string, method: string, path: string, body?: object): Promise<Reply> {
  const response = await open(socket, method, path, body);
  const parts = await response.setEncoding('utf8').toArray();
  return { status: response.statusCode ?? 0, body: parts.join('') };
}

/** Server-sent events as they come; ends with the connection, also where that breaks. */
export async function* events(socket: string, path: string): AsyncGenerator<{ kind: string; data: unknown }> {
  const response = await open(socket, 'GET', path);
  let text = '';
  try {
    for await (const piece of response.setEncoding('utf8')) {
      text += piece;
      for (let at = text.indexOf('\n\n'); at >= 0; at = text.indexOf('\n\n')) {
        const [, kind = '', data = 'null'] = /^event: (\w+)\ndata: (.*)$/.exec(text.slice(0, at)) ?? [];
        text = text.slice(at + 2);
        if (kind !== '') yield { kind, data: JSON.parse(data) };
      }
    }
  } catch {
    // It was killed.
  }
}
