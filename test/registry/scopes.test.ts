import test from 'ava';
import { covers, mergeScopes, pullScope, pushScope } from '../../pkg/registry/auth/scopes.ts';

test('scopes of one repository become one, in a fixed order', (t) => {
  t.deepEqual(mergeScopes([pushScope('b/c'), pullScope('a'), pullScope('b/c'), '']), [
    'repository:a:pull',
    'repository:b/c:pull,push',
  ]);
});

test('a token to push is good to pull from the same repository only', (t) => {
  t.true(covers([pushScope('a')], [pullScope('a')]));
  t.false(covers([pullScope('a')], [pushScope('a')]));
  t.false(covers([pushScope('a')], [pullScope('b')]));
});
