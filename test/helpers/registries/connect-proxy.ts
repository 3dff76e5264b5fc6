import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Owner } from './process.ts';

/** An HTTP proxy that knows CONNECT only and leads every name to `target` (`host:port`). */
export async function startConnectProxy(
  owner: Owner,
  target: string,
): Promise<{ readonly host: string; readonly heads: string[] }> {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => {});
    client.once('data', (head) => {
      heads.push(head.toString('latin1'));
      const [host, port] = target.split(':');
      const through = connect({ host: host ?? '', port: Number(port) }, () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        client.pipe(through).pipe(client);
      });
      sockets.add(through);
      through.on('error', () => client.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  owner.teardown(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, heads };
}
