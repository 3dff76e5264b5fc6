import test from 'ava';
import { parsePem, renderPem } from '../../pkg/trust/pem.ts';

const block = (body: string) => Buffer.from(`-----BEGIN X-----\n${body}\n-----END X-----\n`);
const read = (text: Buffer) => parsePem(text, 'X').map((der) => Buffer.from(der).toString('hex'));

test('blocks are read whatever stands around them, and written as openssl does', (t) => {
  t.deepEqual(
    read(Buffer.from(`a comment\n${block('AAEC')}\r\n${block('/w==').toString().replaceAll('\n', '\r\n')}`)),
    ['000102', 'ff'],
  );
  t.deepEqual(read(Buffer.from('-----BEGIN Y-----\nAAEC\n-----END Y-----\n')), []);
  t.is(renderPem('X', Buffer.alloc(49)), `-----BEGIN X-----\n${'A'.repeat(64)}\nAA==\n-----END X-----\n`);
});

const refuses = test.macro({
  title: (title) => `PEM refused: ${title}`,
  exec: (t, text: Buffer, why: string) => {
    t.throws(() => parsePem(text, 'X'), { code: 'invalid', message: `cannot read PEM: a X block ${why}` });
  },
});
test('no end', refuses, Buffer.from('-----BEGIN X-----\nAAEC\n'), 'has no end');
test('no base64', refuses, block('A*EC'), 'is not base64');
test('a cut group', refuses, block('AAECA'), 'is not base64');
test('nothing', refuses, block(''), 'is not base64');
test('headers of an old encrypted key', refuses, block('Proc-Type: 4,ENCRYPTED\n\nAAEC'), 'is not base64');
