import test from 'ava';
import { framingOf, parseHead } from '../../pkg/registry/transport/head.ts';

test('a head is status and fields, repeated ones joined', (t) => {
  const { status, headers } = parseHead('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nLINK: a\r\nlink:b ');
  t.is(status, 200);
  t.deepEqual(Object.fromEntries(headers), { 'content-length': '5', link: 'a, b' });
});

const refuses = test.macro({
  exec: (t, text: string, why: string) => {
    t.throws(() => framingOf('GET', parseHead(text)), {
      message: `the answer is not HTTP as we know it: ${why}`,
    });
  },
  title: (_, text) => `the head ${JSON.stringify(text)} is refused`,
});
test(refuses, 'SSH-2.0-OpenSSH', 'it does not begin with an HTTP/1.1 status line');
test(refuses, 'HTTP/2 200', 'it does not begin with an HTTP/1.1 status line');
test(refuses, 'HTTP/1.1 99 x', 'it does not begin with an HTTP/1.1 status line');
test(refuses, 'HTTP/1.1 200 OK\r\nA : b', 'a header field is malformed');
test(refuses, 'HTTP/1.1 200 OK\r\nA: b\r\n folded', 'a header field is malformed');
test(refuses, 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6', 'its Content-Length is no number');
test(refuses, 'HTTP/1.1 200 OK\r\nContent-Length: -1', 'its Content-Length is no number');
test(
  refuses,
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked',
  'its length is told in two ways, or in one we do not know',
);
test(
  refuses,
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked',
  'its length is told in two ways, or in one we do not know',
);

const frames = test.macro({
  exec: (t, method: string, text: string, expected: object) =>
    t.deepEqual<object, object>(framingOf(method, parseHead(text)), expected),
  title: (_, method, text) => `the body after ${JSON.stringify(text)} to ${method} has its framing`,
});
test(frames, 'GET', 'HTTP/1.1 200 OK\r\ncontent-length: 7', { kind: 'length', length: 7 });
test(frames, 'HEAD', 'HTTP/1.1 200 OK\r\ncontent-length: 7', { kind: 'length', length: 0 });
test(frames, 'GET', 'HTTP/1.1 204 No Content', { kind: 'length', length: 0 });
test(frames, 'GET', 'HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked', { kind: 'chunked' });
test(frames, 'GET', 'HTTP/1.0 200', { kind: 'close' });
