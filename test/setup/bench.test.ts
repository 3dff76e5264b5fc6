import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { KeptRows } from '../../setup/bench/kept.ts';
import { inTurn } from '../../setup/bench/pairs.ts';
import { renderCircumstances, renderTable, replaceFigures } from '../../setup/bench/render.ts';
import { isMet, median, type Row } from '../../setup/bench/row.ts';

const row: Row = {
  work: 'work',
  against: 'other',
  unit: 'ms',
  ours: [5, 4, 100],
  theirs: [10, 10.5, 9],
  goal: 0.6,
};

test('the median of an even number of values lies between the middle ones', (t) => {
  t.is(median([4, 1, 3, 2]), 2.5);
  t.is(median([3, 1, 200]), 3);
});

test('a goal is met by the ratio of medians, and by the limit where it has one', (t) => {
  t.true(isMet(row));
  t.false(isMet({ ...row, goal: 0.4 }));
  t.false(isMet({ ...row, limit: 4 }));
  t.is(isMet({ ...row, goal: undefined }), undefined);
  t.true(isMet({ ...row, goal: undefined, theirs: [], limit: 5 }));
});

test('a table tells medians, spread, ratio and the goal', (t) => {
  const rows: Row[] = [
    row,
    { ...row, goal: 0.4, limit: 128 },
    { ...row, goal: undefined, unit: 'MiB' },
    { ...row, goal: undefined, against: '', theirs: [], limit: 5 },
  ];
  t.is(
    renderTable(rows),
    `| work | against | ours | theirs | ratio | goal | met |
| --- | --- | --- | --- | --- | --- | --- |
| work | other | 5.00 ms (4.00–100) | 10.0 ms (9.00–10.5) | 0.50 | ≤ 0.6 | yes |
| work | other | 5.00 ms (4.00–100) | 10.0 ms (9.00–10.5) | 0.50 | ≤ 0.4, ≤ 128 ms | **no** |
| work | other | 5.00 MiB (4.00–100) | 10.0 MiB (9.00–10.5) | 0.50 |  |  |
| work |  | 5.00 ms (4.00–100) |  |  | ≤ 5 ms | yes |
`,
  );
});

test('the page keeps what stands around its figures', (t) => {
  const page = (figures: string) =>
    `# Figures\nbefore\n<!-- figures of the last \`make bench\`: begin -->\n${figures}<!-- end -->\nafter\n`;
  const figures = renderCircumstances({ kernel: 'Linux 6.1' });
  t.is(replaceFigures(page('old\n'), figures), page('- kernel: Linux 6.1\n'));
  t.throws(() => replaceFigures('# Figures\n', figures), {
    message: 'cannot find where the figures stand in the page',
  });
});

test('sides run in turn, and the first round does not count', async (t) => {
  const order: string[] = [];
  const side = (name: string) => ({
    prepare: async () => order.push(`prepare ${name}`),
    run: async () => ({ milliseconds: order.push(name), mebibytes: 1 }),
    clean: async () => order.push(`clean ${name}`),
  });
  const { a, b } = await inTurn(1, { a: side('a'), b: side('b') });
  const round = ['prepare a', 'a', 'clean a', 'prepare b', 'b', 'clean b'];
  t.deepEqual(order, [...round, ...round]);
  t.deepEqual(a, [{ milliseconds: 8, mebibytes: 1 }]);
  t.deepEqual(b, [{ milliseconds: 11, mebibytes: 1 }]);
});

test('rows of parts add up, and those of another executable are forgotten', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mos-bench-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'rows.json');
  new KeptRows(file, 'one').keep('a', [row]);
  const kept = new KeptRows(file, 'one');
  t.is(kept.all(['b', 'a']), undefined);
  kept.keep('b', [{ ...row, work: 'b' }]);
  t.deepEqual(new KeptRows(file, 'one').all(['b', 'a']), [{ ...row, work: 'b' }, row]);
  t.is(new KeptRows(file, 'another').all(['a']), undefined);
});
