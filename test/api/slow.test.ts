import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { serveConnection, textAnswer, usualLimits } from '../../pkg/api/http/index.ts';
import { temporaryFolder } from '../helpers/folder.ts';

test('who takes a large answer slowly, and never stops, gets it whole', async (t) => {
  const path = join(await temporaryFolder(t), 'slow.sock');
  const limits = { ...usualLimits, answer: 300, request: 300 };
  const text = '…'.repeat(1_000_000);
  const server = createServer((socket) => {
    socket.on('error', () => {});
    void serveConnection(socket, async () => textAnswer(text, 'text/plain'), limits);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(() => void server.close());
  const got = await new Promise<string>((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(path);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      socket.pause();
      setTimeout(() => socket.resume(), 20);
    });
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()));
    socket.write('GET /x HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n');
  });
  t.is(got.slice(got.indexOf('\r\n\r\n') + 4) === text, true);
});
