import test from 'ava';
import {
  childrenOf,
  parseDer,
  readBits,
  readBoolean,
  readObjectId,
  readSmallNumber,
  readText,
  readTime,
  readUnsigned,
} from '../../pkg/trust/der.ts';

const der = (hex: string) => parseDer(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const time = (tag: string, text: string) =>
  der(`${tag}${Buffer.from([text.length]).toString('hex')}${Buffer.from(text).toString('hex')}`);

const reads = test.macro({
  title: (title) => `DER: ${title}`,
  exec: (t, read: () => unknown, expected: unknown) => t.deepEqual(read(), expected),
});
test(
  'an object identifier',
  reads,
  () => readObjectId(der('06 09 2a864886f70d01010b')),
  '1.2.840.113549.1.1.11',
);
test('an object identifier below 2', reads, () => readObjectId(der('06 03 883703')), '2.999.3');
test('a true', reads, () => readBoolean(der('01 01 ff')), true);
test('a number', reads, () => readSmallNumber(der('02 02 00ff')), 255);
test('a serial keeps its leading zero byte', reads, () => readUnsigned(der('02 02 00ff')), '00ff');
test('bits', reads, () => [...readBits(der('03 02 0186'.replace('0186', '0186')), true)], [0x86]);
test('a long length', reads, () => der(`04 81 80 ${'00'.repeat(128)}`).content.length, 128);
test(
  'a short year',
  reads,
  () => readTime(time('17', '491231235959Z')).toISOString(),
  '2049-12-31T23:59:59.000Z',
);
test(
  'a short year of the last century',
  reads,
  () => readTime(time('17', '500101000000Z')).toISOString(),
  '1950-01-01T00:00:00.000Z',
);
test(
  'a long year',
  reads,
  () => readTime(time('18', '20991231230000Z')).toISOString(),
  '2099-12-31T23:00:00.000Z',
);
test('a string of an old type is none', reads, () => readText(der('14 01 41')), undefined);

const refuses = test.macro({
  title: (title) => `DER refused: ${title}`,
  exec: (t, read: () => unknown, why: string) => {
    t.throws(read, { code: 'invalid', message: `cannot read DER: ${why}` });
  },
});
test('nothing', refuses, () => der(''), 'it ends in the middle of a value');
test('a tag alone', refuses, () => der('30'), 'it ends in the middle of a value');
test('a tag of two bytes', refuses, () => der('1f8100 00'), 'a tag of more than one byte');
test('an indefinite length', refuses, () => der('30 80 0000'), 'a length of no known form');
test('a length of five bytes', refuses, () => der('30 85 0000000001 00'), 'a length of no known form');
test('a length that is cut', refuses, () => der('30 82 01'), 'it ends in the middle of a length');
test(
  'a long form that could be short',
  refuses,
  () => der('04 81 01 00'),
  'a length that is not the shortest',
);
test(
  'a length with a leading zero',
  refuses,
  () => der(`04 82 0080 ${'00'.repeat(128)}`),
  'a length that is not the shortest',
);
test('a value longer than its bytes', refuses, () => der('04 05 00'), 'a value is longer than what holds it');
test(
  'a child longer than its parent',
  refuses,
  () => childrenOf(der('30 03 04 05 00')),
  'a value is longer than what holds it',
);
test('bytes behind the value', refuses, () => der('05 00 00'), 'bytes follow the value');
test('another tag', refuses, () => readObjectId(der('02 01 01')), 'tag 2 where 6 belongs');
test('an empty object identifier', refuses, () => readObjectId(der('06 00')), 'an empty object identifier');
test(
  'an object identifier with padding',
  refuses,
  () => readObjectId(der('06 03 2a8001')),
  'an object identifier with a leading zero',
);
test(
  'an object identifier that is cut',
  refuses,
  () => readObjectId(der('06 02 2a86')),
  'an object identifier that ends in the middle',
);
test(
  'an object identifier without end',
  refuses,
  () => readObjectId(der(`06 09 2a${'ff'.repeat(8)}`)),
  'an object identifier of too large a number',
);
test('a boolean of 1', refuses, () => readBoolean(der('01 01 01')), 'a boolean of neither kind');
test('a negative integer', refuses, () => readUnsigned(der('02 01 80')), 'an empty or negative integer');
test(
  'an integer with padding',
  refuses,
  () => readUnsigned(der('02 02 0001')),
  'an integer that is not the shortest',
);
test(
  'a large path length',
  refuses,
  () => readSmallNumber(der('02 05 0100000000')),
  'a number that is too large',
);
test(
  'unused bits where whole bytes belong',
  refuses,
  () => readBits(der('03 02 0180')),
  'a bit string of no known form',
);
test(
  'unused bits that are set',
  refuses,
  () => readBits(der('03 02 0181'), true),
  'a bit string with unused bits that are set',
);
test('an empty bit string', refuses, () => readBits(der('03 00')), 'a bit string of no known form');
test('a time without Z', refuses, () => readTime(time('17', '261121120000')), 'a time of no known form');
test(
  'a time with an offset',
  refuses,
  () => readTime(time('17', '2611211200+0100')),
  'a time of no known form',
);
test(
  'a time in another type',
  refuses,
  () => readTime(time('13', '261121120000Z')),
  'a time of no known form',
);
test(
  'the 30th of February',
  refuses,
  () => readTime(time('17', '260230000000Z')),
  'a time that does not exist',
);
test('a 25th hour', refuses, () => readTime(time('17', '260201240000Z')), 'a time that does not exist');
test('a string that is not UTF-8', refuses, () => readText(der('0c 02 c328')), 'a string that is not UTF-8');
