import type { Server, Socket } from 'node:net';
import { MosError, messageOf } from '../errors/index.ts';
import type { Limits } from './http/index.ts';

/** Where the daemon is reached; ends with `await using`, and so do its connections. */
export type Listener = AsyncDisposable & { readonly address: string };

/** Serves what connects, as many at once as the limits say. */
export function accept(
  server: Server,
  event: 'connection' | 'secureConnection',
  limits: Limits,
  serve: (socket: Socket) => Promise<void>,
): Set<Socket> {
  const open = new Set<Socket>();
  // Also of those whose handshake has not ended: they are in no set yet.
  server.maxConnections = limits.connections;
  server.on(event, (socket: Socket) => {
    socket.on('error', () => {}); // a client that goes away is nothing to tell
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.setNoDelay?.(true);
    serve(socket).catch(() => socket.destroy());
  });
  return open;
}

export function listening(
  server: Server,
  at: { path: string } | { fd: number } | { host: string; port: number },
) {
  return new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new MosError('io', `cannot listen: ${messageOf(error)}`, { hint: 'is another mosctl serve there?' }),
      ),
    );
    server.listen(at, () => resolve());
  });
}

export const ending = (server: Server, open: ReadonlySet<Socket>, address: string): Listener => ({
  address,
  async [Symbol.asyncDispose]() {
    // It would tell its end only after the last handshake, which who says nothing puts off.
    server.close();
    const closed = [...open].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of open) socket.destroy();
    await Promise.all(closed);
  },
});

/** `address:port`, the port that the kernel chose where 0 was wanted. */
export function boundAddress(server: Server, { address, port }: { address: string; port: number }): string {
  const bound = server.address();
  const at = typeof bound === 'object' && bound !== null ? bound.port : port;
  return address.includes(':') ? `[${address}]:${at}` : `${address}:${at}`;
}
