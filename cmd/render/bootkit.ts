import type { BudgetLine } from '../../initrd/budget.ts';
import type { ListedInitrd } from '../../initrd/list.ts';
import type { BootFile, BuiltBootkit } from '../../pkg/system/index.ts';
import { size } from '../cli/progress.ts';
import { renderTable } from './table.ts';

export const renderBootkit = ({ output, release, buildId, files, source }: BuiltBootkit): string =>
  [
    `made ${output} with Linux ${release}, build ${buildId.slice(0, 12)}`,
    renderTable(
      ['file', 'size', 'signed by'],
      files.map(({ name, bytes, signer }) => [name, size(bytes), signer]),
    ),
    `the target bootkit in an import file: source: ${source}`,
  ].join('\n');

type Inspected = Omit<BootFile, 'initrd'> & {
  readonly initrd: ListedInitrd;
  readonly budget: readonly BudgetLine[];
};

/** Files of the initrd that together are nearly nothing are one line. */
const small = 100_000;

export function renderBootFile({
  file,
  bytes,
  commandLine,
  release,
  sections,
  initrd,
  budget,
}: Inspected): string {
  const large = initrd.files.filter((one) => one.bytes >= small).toSorted((a, b) => b.bytes - a.bytes);
  const rest = initrd.files.filter((one) => one.bytes < small);
  const sum = rest.reduce((total, one) => total + one.bytes, 0);
  return [
    `${file}: ${size(bytes)}, Linux ${release}`,
    `  command line: ${commandLine}`,
    renderTable(
      ['section', 'size'],
      sections.map((one) => [one.name, size(one.bytes)]),
    ),
    `the initrd: ${size(initrd.packed)}, ${size(initrd.bytes)} unpacked`,
    renderTable(
      ['kind', 'size', 'budget'],
      budget.map((one) => [
        one.what,
        size(one.bytes),
        one.bytes > one.budget ? `${size(one.budget)}, too much` : size(one.budget),
      ]),
    ),
    renderTable(
      ['file', 'size'],
      [
        ...large.map((one) => [one.path, size(one.bytes)]),
        ...(rest.length === 0 ? [] : [[`${rest.length} smaller ones`, size(sum)]]),
      ],
    ),
  ].join('\n');
}
