import test from 'ava';
import { repeatedKey } from '../../pkg/manifest/json-keys.ts';

const finds = test.macro({
  title: (_, text: string) => `repeated key of ${text}`,
  exec(t, text: string, key: string | undefined) {
    JSON.parse(text);
    t.is(repeatedKey(text), key);
  },
});
test(finds, '{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}', undefined);
test(finds, '{"a":"a","b":"a","c":["a","a"]}', undefined);
test(finds, '{"a":"\\"a\\":{","b":"}\\\\"}', undefined);
test(finds, '"a"', undefined);
test(finds, '{"a":1,\n"a" :2}', 'a');
test(finds, '[{"x":{"a":{},"a":[]}}]', 'a');
test(finds, '{"a":1,"\\u0061":2}', 'a');
test(finds, '{"__proto__":1,"__proto__":2}', '__proto__');
test(finds, '{"":1,"":2}', '');
