import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net';
import type { Owner } from './process.ts';

export type ScriptedRequest = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
};

/** A server on 127.0.0.1 whose answers the test writes; `host` is `127.0.0.1:PORT`. */
export async function startScripted(
  owner: Owner,
  answer: (request: ScriptedRequest, response: ServerResponse) => void,
): Promise<{ readonly host: string; readonly port: number; readonly requests: ScriptedRequest[] }> {
  const requests: ScriptedRequest[] = [];
  const server = createServer(async (incoming, response) => {
    const parts: Buffer[] = [];
    for await (const chunk of incoming) parts.push(chunk as Buffer);
    const { method = '', url = '', headers } = incoming;
    const request = { method, url, headers, body: Buffer.concat(parts) };
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  owner.teardown(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { host: `127.0.0.1:${port}`, port, requests };
}

/** A server that says these bytes to whoever has sent a head, whatever it was, and then does `after`. */
export async function startRaw(
  owner: Owner,
  text: string,
  after: 'end' | 'keep' = 'end',
): Promise<{ readonly host: string; readonly heads: string[] }> {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const server = createSocketServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      heads.push(chunk.toString('latin1'));
      socket.write(Buffer.from(text, 'latin1'));
      if (after === 'end') socket.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  owner.teardown(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { host: `127.0.0.1:${port}`, heads };
}
