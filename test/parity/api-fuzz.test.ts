import { connect } from 'node:net';
import test from 'ava';
import { makeApiMachine } from '../helpers/api.ts';
import { programs, startDaemon } from '../helpers/daemon.ts';

// The same mutilated requests, cut at the same places, are answered alike by both runtimes.

/** Numbers below `most`, always the same ones (a linear congruential generator). */
function numbers(seed: number): (most: number) => number {
  let state = seed;
  return (most) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % most;
  };
}

const methods = ['GET', 'GET', 'GET', 'POST', 'DELETE', 'HEAD', 'PUT', 'get', 'G ET', ''];
const paths = [
  ...['/v1/jobs', '/healthz', '/v1/audit?most=1', '/v1/jobs/0123456789abcdef', '/v1/%2e', '//', '/', '*'],
  ...['http://x/v1/jobs', '/v1/jobs?', '/v1/history?most=1&most=2', '/v1/history?most=%00', '/v1/pins'],
  ...['/v1/history?most=+1', '/v1/jobs#a', '/v1/jo\0bs', '/v1/jobs\x80', '/v1/jobs;a=b', '/__proto__'],
];
const versions = [...Array<string>(10).fill('HTTP/1.1'), 'HTTP/1.0', 'HTTP/2', ''];
const headers = [
  ...['host: b', 'Content-Length: 2', 'Content-Length: 65537', 'Content-Length: 1, 2', 'Content-Length:\t2'],
  ...['Transfer-Encoding: chunked', 'Transfer-Encoding : chunked', 'Content-Type: application/json', 'X'],
  ...['Connection: close', 'Connection: keep-alive, close', 'Expect: 100-continue', 'X: \xff', 'X:\x0by'],
  ...['X: a\0', ': a', 'X: a\tb', 'Upgrade: h2c', ' folded', 'Host:', `Cookie: ${'a'.repeat(500)}`],
];
const bodies = [
  '',
  '{}',
  '{"generation":1}',
  '[]',
  '\xff\xfe',
  '{"a":1,"a":2}',
  '{"__proto__":1}',
  '0\r\n\r\n',
];
const ends = [...Array<string>(30).fill('\r\n'), '\n', '\r', ''];

function requestOf(next: (most: number) => number): string {
  const pick = (from: readonly string[]): string => from[next(from.length)] ?? '';
  let text = `${pick(methods)} ${pick(paths)} ${pick(versions)}${pick(ends)}`;
  if (next(8) > 0) text += 'Host: m\r\n';
  for (let left = next(3); left > 0; left--) text += pick(headers) + pick(ends);
  const body = next(2) === 0 ? '' : pick(bodies);
  if (next(3) === 0) text += `Content-Length: ${body.length}\r\nContent-Type: application/json\r\n`;
  text += `\r\n${body}`;
  const at = next(text.length);
  return next(8) > 0
    ? text
    : `${text.slice(0, at)}${String.fromCharCode(next(256))}${text.slice(at + next(3))}`;
}

function piecesOf(bytes: Buffer, next: (most: number) => number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieces.at(-1)?.length ?? 1)
    pieces.push(bytes.subarray(at, at + 1 + next(next(4) === 0 ? 5 : 400)));
  return pieces;
}

const answersTo = (path: string, pieces: readonly Buffer[]): Promise<string> =>
  new Promise((resolve) => {
    let text = '';
    const socket = connect({ path, allowHalfOpen: true });
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(text));
    for (const piece of pieces) socket.write(piece);
    socket.end();
  });

/** What no two daemons have alike. */
const comparable = (text: string): string =>
  text
    .replaceAll(/content-length: \d+/g, '')
    .replaceAll(/\{"entries".*/g, '')
    .replaceAll(/\/tmp\/[^ "]*/g, '');

test('both runtimes read the same requests', async (t) => {
  const [one, two] = await Promise.all(
    Object.values(programs).map(async (program) => startDaemon(t, program, (await makeApiMachine(t)).root)),
  );
  const seen = new Set<string>();
  for (let seed = 1; seed <= 400; seed++) {
    const next = numbers(seed);
    const text = Array.from({ length: 1 + next(3) }, () => requestOf(next)).join('');
    const pieces = piecesOf(Buffer.from(text, 'latin1'), next);
    const [ours, theirs] = await Promise.all(
      [one, two].map((daemon) => answersTo(daemon?.socket ?? '', pieces)),
    );
    t.is(comparable(ours ?? ''), comparable(theirs ?? ''), `seed ${seed}: ${JSON.stringify(text)}`);
    for (const [, status = ''] of (ours ?? '').matchAll(/^HTTP\/1\.1 (\d{3})/gm)) seen.add(status);
  }
  for (const status of ['200', '400', '404', '405', '505']) t.true(seen.has(status), status);
});
