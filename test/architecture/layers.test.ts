import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import test from 'ava';

/** DESIGN "Layers": a package imports from lower layers only, and packages of one layer do not know each other. */
const layers: readonly (readonly string[])[] = [
  ['errors', 'undo'],
  ['host', 'oci', 'steps'],
  ['manifest', 'tpm'],
  ['layout', 'registry', 'trust', 'atomfs', 'lxc', 'disk', 'esp', 'state'],
  ['system'],
  ['api'],
];
const layerOf = (name: string): number => layers.findIndex((names) => names.includes(name));

/** What only one place may import. `host/linux` alone reaches the machine. */
const reserved: readonly { readonly pattern: RegExp; readonly owners: readonly string[] }[] = [
  { pattern: /^(node:)?(fs|fs\/promises|child_process)$/, owners: ['pkg/host/linux/'] },
  { pattern: /^(koffi|bun:ffi)$/, owners: ['pkg/host/linux/'] },
  { pattern: /^(@peculiar\/|@tufjs\/|node-forge|reflect-metadata)/, owners: ['pkg/trust/'] },
  { pattern: /^(isomorphic-git|simple-git)/, owners: ['pkg/state/'] },
  { pattern: /^yaml$/, owners: ['pkg/manifest/'] },
  { pattern: /^commander$/, owners: ['cmd/'] },
];

const sources = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => normalize(join(entry.parentPath, entry.name)));

const importsOf = (file: string): string[] =>
  [...readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(
    (match) => match[1] ?? '',
  );

const program = ['pkg', 'cmd', 'initrd'].flatMap((folder) => {
  try {
    return sources(folder);
  } catch {
    return [];
  }
});

test('every package stands in the layer table', (t) => {
  const packages = readdirSync('pkg');
  t.deepEqual(
    packages.filter((name) => layerOf(name) < 0),
    [],
  );
});

test('imports go down the layers only', (t) => {
  const wrong: string[] = [];
  for (const file of program.filter((name) => name.startsWith('pkg/'))) {
    const own = file.split('/')[1] ?? '';
    for (const name of importsOf(file).filter((target) => target.startsWith('.'))) {
      const target = normalize(join(dirname(file), name)).split('/');
      if (target[0] === 'package.json') continue;
      const isDown = target[0] === 'pkg' && layerOf(target[1] ?? '') < layerOf(own);
      if (target[1] !== own && !isDown) wrong.push(`${file} imports ${name}`);
    }
  }
  t.deepEqual(wrong, []);
});

test('another package is imported by its index only', (t) => {
  const wrong: string[] = [];
  for (const file of program) {
    for (const name of importsOf(file).filter((target) => target.startsWith('.'))) {
      const target = normalize(join(dirname(file), name));
      const [top, pack, ...rest] = target.split('/');
      const isOwn = file.startsWith(`pkg/${pack}/`);
      const isPublic = rest.at(-1) === 'index.ts';
      if (top === 'pkg' && !isOwn && !isPublic) wrong.push(`${file} imports ${name}`);
    }
  }
  t.deepEqual(wrong, []);
});

test('what reaches the outside is imported by its owner only', (t) => {
  const wrong: string[] = [];
  for (const file of program)
    for (const name of importsOf(file))
      for (const { pattern, owners } of reserved)
        if (pattern.test(name) && !owners.some((owner) => file.startsWith(owner)))
          wrong.push(`${file} imports ${name}`);
  t.deepEqual(wrong, []);
});

test('only the real host asks the clock', (t) => {
  const wrong = program
    .filter((file) => !file.startsWith('pkg/host/linux/'))
    .filter((file) => /\bDate\.now\(|new Date\(\)|performance\.now\(/.test(readFileSync(file, 'utf8')));
  t.deepEqual(wrong, []);
});
