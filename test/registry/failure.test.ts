import test from 'ava';
import { redactUrl, registryMessage } from '../../pkg/registry/failure.ts';

test('of a URL neither user nor values of the query are shown', (t) => {
  t.is(
    redactUrl(new URL('https://me:pw@store.example/blob?X-Signature=abc&Expires=1')),
    'https://store.example/blob?X-Signature=…&Expires=…',
  );
  t.is(redactUrl(new URL('http://r.example:5000/v2/a/tags/list')), 'http://r.example:5000/v2/a/tags/list');
});

const said = test.macro({
  exec: (t, text: string, type: string, expected: string) => t.is(registryMessage(text, type), expected),
  title: (_, text) => `a registry that says ${JSON.stringify(text).slice(0, 80)} is quoted`,
});
const json = 'application/json';
test(said, '{"errors":[{"code":"DENIED","message":"no","detail":{"a":1}}]}', json, 'DENIED: no');
test(said, '{"errors":[{"code":"A"},{"message":"b"},{},{"code":"D"}]}', json, 'A; b');
test(said, '{"errors":[null,1]}', json, '');
test(said, '{"details":"incorrect username or password"}', json, 'incorrect username or password');
test(said, '404 page not found\n', 'text/plain', '404 page not found');
test(said, '<html><body>Gateway</body></html>', 'text/html; charset=utf-8', '');
test(said, 'a\u001b[31mred\u0000\nb', 'text/plain', 'a [31mred b');
test(said, 'x'.repeat(400), 'text/plain', `${'x'.repeat(300)}…`);
