import test from 'ava';
import type { ServiceName } from '../../pkg/manifest/index.ts';
import { startInOrder } from '../../pkg/system/order.ts';

const entry = (name: string, ...needs: readonly string[]) => ({
  name,
  target: { depends_on: needs as readonly ServiceName[] },
});

test('what is needed comes first, and what needs nothing does not wait', async (t) => {
  const said: string[] = [];
  let release = (): void => {};
  const slow = new Promise<void>((resolve) => {
    release = resolve;
  });
  const start = async ({ name }: { readonly name: string }) => {
    said.push(`${name} starts`);
    if (name === 'db') await slow;
    else if (name === 'free') release();
    said.push(`${name} is up`);
    return name;
  };
  const up = await startInOrder(
    [entry('web', 'db', 'cache'), entry('db'), entry('cache', 'db'), entry('free')],
    start,
    () => '',
  );
  t.deepEqual(up, ['web', 'db', 'cache', 'free']);
  t.deepEqual(
    said.filter((text) => !text.startsWith('free')),
    ['db starts', 'db is up', 'cache starts', 'cache is up', 'web starts', 'web is up'],
  );
  t.true(said.indexOf('free is up') < said.indexOf('db is up'));
});

test('what needs one that failed is not tried, and says so', async (t) => {
  const tried: string[] = [];
  const result = await startInOrder(
    [entry('web', 'cache'), entry('cache', 'db'), entry('db'), entry('free')],
    async ({ name }) => {
      tried.push(name);
      if (name === 'db') throw new Error('no room');
      return 'up';
    },
    (_, error) => (error as Error).message,
  );
  t.deepEqual(result, [
    'cannot start web: it needs cache (cannot start cache: it needs db (no room))',
    'cannot start cache: it needs db (no room)',
    'no room',
    'up',
  ]);
  t.deepEqual(tried.sort(), ['db', 'free']);
});

test('what is not among those that start is taken for there', async (t) => {
  t.deepEqual(
    await startInOrder(
      [entry('web', 'hostfs')],
      async () => 'up',
      () => 'failed',
    ),
    ['up'],
  );
});
