import { writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { callMachine } from '../../pkg/api/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { temporaryFolder } from '../helpers/folder.ts';

// A machine that somebody has taken over answers: the desk that asks it must not be next.

async function evil(t: ExecutionContext, answer: (line: string, socket: Socket) => void): Promise<string> {
  const path = join(await temporaryFolder(t), 'evil.sock');
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (chunk: Buffer) => answer(chunk.toString(), socket));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(() => void server.close());
  return `unix:${path}`;
}

const begun = JSON.stringify({ id: '0', state: 'running', step: null });
const say = (socket: Socket, status: number, body: string): void =>
  void socket.end(`HTTP/1.1 ${status} X\r\n\r\n${body}`);

const ask = (host: string, notes: string[] = []) =>
  callMachine(
    linuxHost,
    { host },
    { method: 'POST', path: '/v1/verify' },
    (event) => {
      if (event.kind === 'note') notes.push(event.text);
    },
    new AbortController().signal,
    new Date(0),
  );

test('what it says can’t steer the terminal', async (t) => {
  const steering = '\u001b]0;owned\u0007\u009b2J\r';
  const harmless = '\\x1b]0;owned\\x07\\x9b2J\\x0d';
  const value = await evil(t, (_line, socket) =>
    say(socket, 200, JSON.stringify({ name: steering, lines: [`a\n\tb${steering}`] })),
  );
  t.deepEqual(await ask(value), { name: harmless, lines: [`a\n\tb${harmless}`] });
  const problem = await evil(t, (_line, socket) =>
    say(socket, 500, JSON.stringify({ code: 'io', detail: steering, hint: steering })),
  );
  await t.throwsAsync(ask(problem), { code: 'io', message: harmless });
  const job = await evil(t, (line, socket) => {
    if (line.startsWith('POST')) return say(socket, 202, begun);
    const events = [
      `event: progress\ndata: ${JSON.stringify({ kind: 'note', text: steering })}\n\n`,
      `event: job\ndata: ${JSON.stringify({ id: '0', state: 'done', result: 1 })}\n\n`,
    ];
    say(socket, 200, events.join(''));
  });
  const notes: string[] = [];
  t.is(await ask(job, notes), 1);
  t.deepEqual(notes, [harmless]);
});

test('ends of lines that JSON lets stand don’t hide how a job ended', async (t) => {
  let asked = 0;
  const machine = await evil(t, (line, socket) => {
    if (line.startsWith('POST')) return say(socket, 202, begun);
    const job = asked++ === 0 ? { id: '0', state: 'done', result: 'a\u2028b' } : { state: 'failed' };
    say(socket, 200, `event: job\ndata: ${JSON.stringify(job)}\n\n`);
  });
  t.is(await ask(machine), 'a\u2028b');
});

test('what can’t be used to call a machine is told', async (t) => {
  const file = join(await temporaryFolder(t), 'file');
  await writeFile(file, 'no PEM');
  const call = (host: string) =>
    callMachine(
      linuxHost,
      { host, cert: file, key: file, serverCa: file, serial: 'SN0001' },
      { method: 'GET', path: '/v1/status' },
      () => {},
      new AbortController().signal,
      new Date(0),
    );
  await t.throwsAsync(call('https://127.0.0.1:65536'), {
    code: 'usage',
    message: 'cannot reach "https://127.0.0.1:65536": it is no machine',
  });
  await t.throwsAsync(call('https://127.0.0.1:1'), {
    code: 'usage',
    message: `cannot use ${file}, ${file} and ${file}: they are not the PEM files of a certificate, its key and a CA`,
  });
});

test('an event without end is not waited for', async (t) => {
  const endless = await evil(t, (line, socket) => {
    if (line.startsWith('POST')) return say(socket, 202, begun);
    const piece = 'x'.repeat(1024 * 1024);
    socket.on('drain', () => socket.write(piece));
    socket.write(`HTTP/1.1 200 OK\r\n\r\n${piece}`);
  });
  await t.throwsAsync(ask(endless), { code: 'network', message: 'cannot read the answer: it is too long' });
});
