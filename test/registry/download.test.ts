import test from 'ava';
import { openRegistry } from '../../pkg/registry/index.ts';
import { content } from '../helpers/images.ts';
import { quickHost } from '../helpers/quick-host.ts';
import { startScripted } from '../helpers/registries/scripted.ts';

const blob = content('application/octet-stream', Buffer.alloc(4 * 1024 * 1024, 'many chunks'));

test('the memory of a lent piece goes when the next but one is asked for, and no sooner; others stay', async (t) => {
  const { host: registry } = await startScripted(t, (_, response) => response.end(blob.bytes));
  const repository = await openRegistry(quickHost(), { registry, repository: 'a' }, {});
  for (const lent of [true, false]) {
    const lengths: number[] = [];
    const pieces: Uint8Array[] = [];
    for await (const piece of repository.openRest(blob.descriptor, 0, { lent })) {
      const [last, before] = [pieces.at(-1), pieces.at(-2)];
      t.is(last?.length, lengths.at(-1));
      // The first and the last ones may lie in memory with something else.
      if (lent && before !== undefined && pieces.length > 3) t.is(before.length, 0);
      pieces.push(piece);
      lengths.push(piece.length);
    }
    t.true(pieces.length > 8);
    if (!lent) t.true(Buffer.concat(pieces).equals(blob.bytes));
  }
});
