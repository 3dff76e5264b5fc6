// Measures mos beside what a user would take instead, and keeps the table in docs/bench.md. BENCH=fetch,publish runs
// those groups only and PAIRS=3 fewer pairs than ten. Runs of parts add up: the page is written when each group was
// measured with ten pairs or more by the same executable.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { programDigest, readCircumstances } from './circumstances.ts';
import { api } from './groups/api.ts';
import { boot } from './groups/boot.ts';
import { convert } from './groups/convert.ts';
import { fetch, update } from './groups/fetch.ts';
import { memory } from './groups/memory.ts';
import { mirror } from './groups/mirror.ts';
import { publish } from './groups/publish.ts';
import { roots } from './groups/roots.ts';
import { services } from './groups/services.ts';
import { start } from './groups/start.ts';
import { startup } from './groups/startup.ts';
import { KeptRows } from './kept.ts';
import { measureProgram } from './program.ts';
import { renderCircumstances, renderTable, replaceFigures } from './render.ts';
import type { Group, Row } from './row.ts';

const groups: readonly Group[] = [
  start,
  fetch,
  update,
  publish,
  convert,
  boot,
  memory,
  api,
  mirror,
  services,
  roots,
  startup,
];
const page = 'docs/bench.md';

function chosenGroups(names: string): readonly Group[] {
  if (names === '') return groups;
  return names.split(',').map((name) => {
    const group = groups.find((one) => one.name === name);
    if (group === undefined)
      throw new Error(`there is no ${name} among ${groups.map((one) => one.name).join(', ')}`);
    return group;
  });
}

async function runGroup(group: Group, pairs: number): Promise<readonly Row[]> {
  const folder = mkdtempSync('build/bench/run-');
  const hooks: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const say = (text: string) => console.error(`${group.name}: ${text}`);
  say(`${pairs} pairs`);
  try {
    return await group.run({ pairs, folder, say, teardown: (hook) => hooks.push(hook) });
  } finally {
    for (const hook of hooks.reverse()) await hook();
  }
}

const pairs = Number(process.env['PAIRS'] || 10);
const chosen = chosenGroups(process.env['BENCH'] ?? '');
mkdirSync('build/bench', { recursive: true });
execFileSync('gcc', [
  '-O2',
  '-static',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-o',
  measureProgram,
  'setup/bench/measure.c',
]);
const circumstances = readCircumstances(pairs);
const kept = new KeptRows('build/bench/rows.json', programDigest());
for (const group of chosen) {
  const rows = await runGroup(group, pairs);
  console.log(renderTable(rows));
  if (pairs >= 10) kept.keep(group.name, rows);
}
const all = kept.all(groups.map(({ name }) => name));
if (all !== undefined) {
  const figures = `${renderCircumstances(circumstances)}\n${renderTable(all)}`;
  writeFileSync(page, replaceFigures(readFileSync(page, 'utf8'), figures));
}
