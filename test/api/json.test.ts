import test from 'ava';
import { parseStrictJson } from '../../pkg/api/json.ts';

const parse = (text: string) => parseStrictJson(Buffer.from(text));

test('JSON is read', (t) => {
  t.deepEqual(parse('{"a":[{"b":1},{"b":2}],"c":"{\\"a\\":1,\\"a\\":2}"}'), {
    a: [{ b: 1 }, { b: 2 }],
    c: '{"a":1,"a":2}',
  });
});

const refused: readonly [string, string, string][] = [
  ['no JSON', '{', 'it is no JSON'],
  ['a name twice', '{"a":1,"a":2}', 'it has "a" twice'],
  ['a name twice, once escaped', '{"a":1,"\\u0061":2}', 'it has "a" twice'],
  ['a name twice, deeper', '{"x":[{"a":1,"b":{},"a":2}]}', 'it has "a" twice'],
  ['__proto__', '{"__proto__":{"role":"admin"}}', 'the name __proto__ is not allowed'],
  ['an escaped __proto__', '{"__prot\\u006f__":1}', 'the name __proto__ is not allowed'],
  ['constructor', '{"a":{"constructor":1}}', 'the name constructor is not allowed'],
  ['17 levels', `${'['.repeat(17)}${']'.repeat(17)}`, 'it is more than 16 levels deep'],
  ['a million brackets', '['.repeat(1_000_000), 'it is more than 16 levels deep'],
];
for (const [what, text, why] of refused)
  test(`a body is refused: ${what}`, (t) => {
    t.throws(() => parse(text), { message: `cannot read the body: ${why}` });
  });

test('a body that is no UTF-8 is refused', (t) => {
  t.throws(() => parseStrictJson(Buffer.from([0x22, 0xff, 0x22])), {
    message: 'cannot read the body: it is no UTF-8',
  });
});
