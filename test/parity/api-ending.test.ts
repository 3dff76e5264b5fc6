import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { makeApiMachine } from '../helpers/api.ts';
import { programs, startDaemon } from '../helpers/daemon.ts';

// The last answer on a connection gets there, whatever the other side does meanwhile.

type Client = (socket: ReturnType<typeof connect>) => void;

/** What comes back until the connection is over; `broken` where it was cut off. */
const heard = (path: string, client: Client): Promise<{ text: string; broken: boolean }> =>
  new Promise((resolve) => {
    let text = '';
    let broken = false;
    const socket = connect({ path, allowHalfOpen: true });
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.on('end', () => socket.end());
    socket.on('error', () => {
      broken = true;
    });
    socket.on('close', () => resolve({ text, broken }));
    client(socket);
  });

const get = 'GET /v1/jobs HTTP/1.1\r\nHost: machine\r\n';
const large = 'x'.repeat(300_000);

const clients: readonly [string, Client, RegExp][] = [
  ['ends its side after the request', (socket) => socket.end(`${get}\r\n`), /^HTTP\/1\.1 200 /],
  [
    'sends a large body that nobody wants',
    (socket) =>
      socket.write(`POST /v1/pins HTTP/1.1\r\nHost: m\r\nContent-Length: ${large.length}\r\n\r\n${large}`),
    /^HTTP\/1\.1 413 /,
  ],
  [
    'goes on after its last request',
    (socket) => socket.write(`${get}Connection: close\r\n\r\n${large}`),
    /^HTTP\/1\.1 200 /,
  ],
  ['speaks TLS where nobody does', (socket) => socket.write('\x16\x03\x01\x02\x00'), /^HTTP\/1\.1 400 /],
  ['sends no HTTP at all', (socket) => socket.write(`\r\n\r\n${large}`), /^HTTP\/1\.1 400 /],
];

for (const [name, program] of Object.entries(programs))
  test.serial(`${name}: who is answered hears it to the end`, async (t) => {
    const { root } = await makeApiMachine(t);
    const { socket } = await startDaemon(t, program, root);
    for (const [what, client, answer] of clients)
      for (let round = 0; round < 20; round++) {
        const { text, broken } = await heard(socket, client);
        t.regex(text, answer, what);
        t.false(broken, what);
      }
  });

for (const [name, program] of Object.entries(programs))
  test.serial(`${name}: who connects and says nothing does not hold up its end`, async (t) => {
    const { root } = await makeApiMachine(t);
    const daemon = await startDaemon(t, program, root, ['--listen', '127.0.0.1:0'], 1);
    const silent = connect({ host: '127.0.0.1', port: daemon.port });
    silent.on('error', () => {});
    await once(silent, 'connect');
    await setTimeout(200);
    const begun = performance.now();
    daemon.process.kill('SIGTERM');
    await once(daemon.process, 'exit');
    t.true(performance.now() - begun < 5000);
    silent.destroy();
  });
