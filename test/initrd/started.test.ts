import test from 'ava';
import { readStarted } from '../../initrd/started.ts';
import { MosError } from '../../pkg/errors/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';

const variables = '/sys/firmware/efi/efivars';
const pathOf = (name: string): string => `${variables}/${name}-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f`;
const ofLoader = Buffer.of(6, 0, 0, 0);
const forGood = Buffer.of(7, 0, 0, 0);
const wide = (text: string): Buffer => Buffer.from(`${text}\0`, 'utf16le');

/** A machine with EFI firmware that has these variables, attributes first. `fails` says which of them can't be removed. */
async function started(values: Readonly<Record<string, Buffer>>, fails?: string) {
  const notes: string[] = [];
  const left = new Map(Object.entries(values).map(([name, value]) => [pathOf(name), value]));
  const mutable = new Set<string>();
  const host: Host = {
    ...linuxHost,
    files: {
      ...linuxHost.files,
      stat: async (path) => (path === variables || left.has(path) ? linuxHost.files.stat('/') : undefined),
      read: async (path) => {
        const value = left.get(path);
        if (value === undefined) throw new MosError('not-found', `cannot read ${path}`);
        return value;
      },
      makeMutable: async (path) => void mutable.add(path),
      remove: async (path) => {
        if (!mutable.has(path) || path === pathOf(fails ?? ''))
          throw new MosError('denied', `cannot remove ${path}: operation not permitted`);
        left.delete(path);
      },
    },
    mounts: { ...linuxHost.mounts, mount: async () => {} },
  };
  const said = await readStarted(host, (event) => notes.push('text' in event ? event.text : ''));
  return {
    said,
    notes,
    left: [...left.keys()].map((path) => path.slice(variables.length + 1).split('-')[0]),
  };
}

test('the boot loader says which entry it took', async (t) => {
  t.deepEqual(await started({ LoaderEntrySelected: Buffer.concat([ofLoader, wide('mos-7+2-1.conf')]) }), {
    said: { entry: 'mos-7+2-1.conf' },
    notes: [],
    left: ['LoaderEntrySelected'],
  });
  t.deepEqual(await started({}), { said: {}, notes: [], left: [] });
});

const removed = (name: string): string =>
  `warning: removed: ${name}, by which somebody chose for all boots to come`;

test('a variable of that name which outlasts a power-off is not the boot loader’s', async (t) => {
  t.deepEqual(await started({ LoaderEntrySelected: Buffer.concat([forGood, wide('mos-7.conf')]) }), {
    said: {},
    notes: [removed('LoaderEntrySelected')],
    left: [],
  });
});

test('what chooses for all boots to come is removed, and stops no boot where it can’t be', async (t) => {
  const chosen = {
    LoaderEntrySelected: Buffer.concat([ofLoader, wide('mos-7.conf')]),
    LoaderEntryDefault: Buffer.concat([forGood, wide('mos-3*')]),
    LoaderConfigTimeout: Buffer.concat([forGood, wide('menu-force')]),
    LoaderEntryOneShot: Buffer.concat([forGood, wide('mos-3.conf')]),
  };
  t.deepEqual(await started(chosen), {
    said: { entry: 'mos-7.conf' },
    notes: [removed('LoaderEntryDefault'), removed('LoaderConfigTimeout')],
    left: ['LoaderEntrySelected', 'LoaderEntryOneShot'],
  });
  const { said, notes, left } = await started(chosen, 'LoaderEntryDefault');
  t.deepEqual(said, { entry: 'mos-7.conf' });
  t.regex(notes[0] ?? '', /^warning: LoaderEntryDefault stays, and may choose .*: cannot remove /);
  t.true(left.includes('LoaderEntryDefault'));
});
