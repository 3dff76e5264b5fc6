import test from 'ava';
import { parseChallenges } from '../../pkg/registry/auth/challenge.ts';

const parses = test.macro({
  exec: (t, header: string, expected: [string, Record<string, string>][]) => {
    const found = parseChallenges(header);
    t.deepEqual(
      found.map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]),
      expected,
    );
  },
  title: (_, header) => `the challenge ${header} is understood`,
});
test(parses, 'Basic realm="Registry Realm"', [['basic', { realm: 'Registry Realm' }]]);
test(parses, 'Bearer realm="https://auth/token",service="r:5000",scope="repository:a/b:pull,push"', [
  ['bearer', { realm: 'https://auth/token', service: 'r:5000', scope: 'repository:a/b:pull,push' }],
]);
test(parses, 'bearer REALM=x , Service = "a \\"b\\" c"', [['bearer', { realm: 'x', service: 'a "b" c' }]]);
test(parses, 'Negotiate, Basic realm="a", Bearer realm="b"', [
  ['negotiate', {}],
  ['basic', { realm: 'a' }],
  ['bearer', { realm: 'b' }],
]);
test(parses, 'Negotiate YWJj==, Basic realm=a', [
  ['negotiate', {}],
  ['basic', { realm: 'a' }],
]);
test(parses, 'Bearer realm="unclosed', [['bearer', {}]]);
test(parses, '', []);
test(parses, '=,=', []);
