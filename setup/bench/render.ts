import { isMet, median, type Row, ratioOf } from './row.ts';

/** What a figure depends on besides the program. */
export type Circumstances = Readonly<Record<string, string>>;

const header = ['work', 'against', 'ours', 'theirs', 'ratio', 'goal', 'met'];

/** The table, in Markdown; medians with the smallest and the largest value. */
export const renderTable = (rows: readonly Row[]): string =>
  [header, header.map(() => '---'), ...rows.map(cells)].map((line) => `| ${line.join(' | ')} |\n`).join('');

export const renderCircumstances = (circumstances: Circumstances): string =>
  Object.entries(circumstances)
    .map(([name, value]) => `- ${name}: ${value}\n`)
    .join('');

const cells = (row: Row): string[] => [
  row.work,
  row.against,
  renderValues(row.ours, row.unit),
  ...(row.theirs.length === 0 ? ['', ''] : [renderValues(row.theirs, row.unit), ratioOf(row).toFixed(2)]),
  renderGoal(row),
  renderMet(row),
];

const renderValues = (values: readonly number[], unit: Row['unit']): string =>
  `${digits(median(values))} ${unit} (${digits(Math.min(...values))}–${digits(Math.max(...values))})`;

/** Three digits that count, which is more than a loaded machine is worth. */
function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function renderGoal({ goal, limit, unit }: Row): string {
  const parts = [
    ...(goal === undefined ? [] : [`≤ ${goal}`]),
    ...(limit === undefined ? [] : [`≤ ${limit} ${unit}`]),
  ];
  return parts.join(', ');
}

function renderMet(row: Row): string {
  const met = isMet(row);
  if (met === undefined) return '';
  return met ? 'yes' : '**no**';
}

const [begin, end] = ['<!-- figures of the last `make bench`: begin -->\n', '<!-- end -->\n'];

/** The page with new figures; what people wrote around them stays. */
export function replaceFigures(page: string, figures: string): string {
  const [start, stop] = [page.indexOf(begin), page.indexOf(end)];
  if (start < 0 || stop < start) throw new Error('cannot find where the figures stand in the page');
  return `${page.slice(0, start + begin.length)}${figures}${page.slice(stop)}`;
}
