import test from 'ava';
import { parseRequestHead, Refused, usualLimits } from '../../pkg/api/http/index.ts';

const head = (...lines: readonly string[]) => parseRequestHead(lines.join('\r\n'), usualLimits);

test('a request is read', (t) => {
  const request = head(
    'POST /v1/pins?a=1&b=x%20y HTTP/1.1',
    'Host: machine',
    'Content-Length: 12',
    'Accept: a',
    'accept: b',
    'Connection: close',
  );
  t.deepEqual(request, {
    method: 'POST',
    path: '/v1/pins',
    query: new Map([
      ['a', '1'],
      ['b', 'x y'],
    ]),
    headers: new Map([
      ['host', 'machine'],
      ['content-length', '12'],
      ['accept', 'a, b'],
      ['connection', 'close'],
    ]),
    length: 12,
    keepsOpen: false,
  });
});

test('who holds updates may be called as mail addresses and services are', (t) => {
  t.is(head('DELETE /v1/updates/holds/ops@site:1 HTTP/1.1', 'Host: a').path, '/v1/updates/holds/ops@site:1');
});

const get = 'GET /v1/status HTTP/1.1';
const refused: readonly [string, readonly string[], number, string][] = [
  ['no Host', [get], 400, 'it has no Host'],
  ['two Hosts', [get, 'Host: a', 'Host: b'], 400, 'it has host twice'],
  ['HTTP/1.0', ['GET / HTTP/1.0', 'Host: a'], 505, 'only HTTP/1.1 is spoken here'],
  ['a first line with two blanks', ['GET  / HTTP/1.1', 'Host: a'], 400, 'its first line is malformed'],
  ['a whole URL', ['GET http://a/ HTTP/1.1', 'Host: a'], 400, 'its path is malformed'],
  [
    'two lengths',
    [get, 'Host: a', 'Content-Length: 1', 'Content-Length: 2'],
    400,
    'it has content-length twice',
  ],
  ['a length with a sign', [get, 'Host: a', 'Content-Length: +1'], 400, 'its Content-Length is malformed'],
  ['two lengths in one', [get, 'Host: a', 'Content-Length: 1, 1'], 400, 'its Content-Length is malformed'],
  [
    '1 GB of body',
    [get, 'Host: a', 'Content-Length: 1000000000'],
    413,
    'its body is larger than 65536 bytes',
  ],
  ['chunks', [get, 'Host: a', 'Transfer-Encoding: chunked'], 501, 'a body comes with a Content-Length here'],
  ['chunks by a trick', [get, 'Host: a', 'Transfer-Encoding : chunked'], 400, 'a header is malformed'],
  ['a folded header', [get, 'Host: a', 'X: 1', ' 2'], 400, 'a header is malformed'],
  ['a bare line feed', [get, 'Host: a', 'X: 1\nTransfer-Encoding: chunked'], 400, 'a header is malformed'],
  ['a bare carriage return', [get, 'Host: a\rX: 1'], 400, 'a header is malformed'],
  ['a NUL', [get, 'Host: a\0'], 400, 'a header is malformed'],
  ['an expectation', [get, 'Host: a', 'Expect: 100-continue'], 417, 'Expect is not understood'],
  [
    '65 headers',
    [get, ...Array.from({ length: 65 }, (_, i) => `H${i}: x`)],
    431,
    'it has more than 64 headers',
  ],
  ['a path with ..', ['GET /v1/../etc HTTP/1.1', 'Host: a'], 400, 'its path is malformed'],
  ['an encoded path', ['GET /v1/%2e%2e/etc HTTP/1.1', 'Host: a'], 400, 'its path is malformed'],
  ['a path that is encoded twice', ['GET /v1/%252e HTTP/1.1', 'Host: a'], 400, 'its path is malformed'],
  ['an empty segment', ['GET //v1 HTTP/1.1', 'Host: a'], 400, 'its path is malformed'],
  ['a slash at the end', ['GET /v1/ HTTP/1.1', 'Host: a'], 400, 'its path is malformed'],
  ['a name twice in the query', ['GET /a?b=1&b=2 HTTP/1.1', 'Host: a'], 400, 'its query has "b" twice'],
  ['a malformed query', ['GET /a?b=%zz HTTP/1.1', 'Host: a'], 400, 'its query is malformed'],
  ['a control character in the query', ['GET /a?b=%00 HTTP/1.1', 'Host: a'], 400, 'its query is malformed'],
];
for (const [what, lines, status, why] of refused)
  test(`a request is refused: ${what}`, (t) => {
    const error = t.throws(() => head(...lines), { instanceOf: Refused, message: why });
    t.is(error?.status, status);
  });
