import { readFileSync } from 'node:fs';
import { connect, type TLSSocket } from 'node:tls';

/** Where a server with client certificates is, and who we are; PEM files. */
export type Place = {
  readonly port: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
};

export type Load = { readonly milliseconds: number; readonly p99: number };

const request = Buffer.from('GET /v1/status HTTP/1.1\r\nHost: machine\r\n\r\n');

export const openConnections = (place: Place, count: number): Promise<readonly TLSSocket[]> =>
  Promise.all(Array.from({ length: count }, () => openOne(place)));

function openOne({ port, ca, cert, key }: Place): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...{ host: '127.0.0.1', port, ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) },
      checkServerIdentity: () => undefined,
      minVersion: 'TLSv1.3',
    });
    socket.setNoDelay();
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** So many answers over kept connections, one after the other on each; milliseconds for all, and of the slowest in a hundred. */
export async function load(place: Place, connections: number, answers: number): Promise<Load> {
  const sockets = await openConnections(place, connections);
  const times: number[] = [];
  let left = answers;
  const begin = performance.now();
  await Promise.all(
    sockets.map(async (socket) => {
      while (left-- > 0) {
        const asked = performance.now();
        await answerOf(socket);
        times.push(performance.now() - asked);
      }
    }),
  );
  const milliseconds = performance.now() - begin;
  for (const socket of sockets) socket.destroy();
  times.sort((a, b) => a - b);
  return { milliseconds, p99: times[Math.floor(times.length * 0.99)] ?? Number.NaN };
}

/** Whatever is no 200 with all of its bytes ends the benchmark. */
export function answerOf(socket: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    let read = '';
    const done = (error?: Error): void => {
      socket.removeListener('data', take);
      socket.removeListener('close', gone);
      if (error === undefined) resolve();
      else reject(error);
    };
    const gone = (): void => done(new Error('the server has closed the connection'));
    const take = (chunk: Buffer): void => {
      read += chunk.toString('latin1');
      const end = read.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(read.slice(0, end))?.[1]);
      if (!read.startsWith('HTTP/1.1 200 ')) done(new Error(`it answered ${read.slice(0, 200)}`));
      else if (read.length === end + 4 + length) done();
    };
    socket.on('data', take);
    socket.on('close', gone);
    socket.write(request);
  });
}
